"""What may be declared: addresses, names, owners, fingerprints."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Invalid
from gateway.ids import PersonId, new_id
from gateway.inventory import checks
from gateway.inventory.model import Protocol

REFUSED_ADDRESSES = {
    "a name": "ews-l4.plant.local",
    "localhost": "localhost",
    "nothing": "",
    "a port": "192.0.2.1:22",
    "a network": "192.0.2.0/24",
    "a space": " 192.0.2.1",
    "octal": "192.0.2.010",
    "a number": "3221225985",
    "cloud metadata": "169.254.169.254",
    "cloud metadata dressed as IPv6": "::ffff:169.254.169.254",
    "loopback dressed as IPv6": "::ffff:127.0.0.1",
    "link-local": "fe80::1",
    "link-local with a scope": "fe80::1%eth0",
    "a scope": "2001:db8::1%eth0",
    "multicast": "224.0.0.1",
    "multicast IPv6": "ff02::1",
    "unspecified": "0.0.0.0",
    "this network": "0.0.0.1",
    "unspecified IPv6": "::",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "brackets": "[::1]",
}
REFUSED_ACCOUNTS = [
    "",
    "a+b",
    "a b",
    "-oProxyCommand=x",
    "a,b",
    "a/b",
    "a\nb",
    "a" * 65,
    "ä",
    "root;",
    "$x",
    "a\0",
    "a\n",
]
REFUSED_OWNERS = [[], ["omar"], [""], ["per_omar", "org_x"], ["per_omar; drop"], ["per_omar\n"]]


@pytest.mark.parametrize("what", REFUSED_ADDRESSES)
def test_an_address_that_no_machine_of_a_plant_has_is_refused(what: str) -> None:
    with pytest.raises(Invalid, match="address"):
        checks.address(REFUSED_ADDRESSES[what])


@pytest.mark.parametrize(
    "text", ["192.0.2.10", "10.0.0.1", "127.0.0.1", "::1", "2001:db8::1", "fd00::7", "172.16.4.4", "8.8.8.8"]
)
def test_an_address_of_one_machine_is_taken_loopback_too(text: str) -> None:
    assert checks.address(text) == text


def test_an_address_has_one_spelling() -> None:
    assert checks.address("2001:DB8:0:0::0001") == "2001:db8::1"


@given(st.one_of(st.text(), st.ip_addresses().map(str)))
def test_whatever_is_taken_is_a_literal_unicast_address(text: str) -> None:
    try:
        taken = ipaddress.ip_address(checks.address(text))
    except Invalid:
        return
    assert not any([taken.is_multicast, taken.is_unspecified, taken.is_link_local])
    assert str(taken) == checks.address(str(taken))


@pytest.mark.parametrize("number", [0, -1, 65536, 10**9])
def test_a_port_that_is_none_is_refused(number: int) -> None:
    with pytest.raises(Invalid, match="port"):
        checks.port(number)


@pytest.mark.parametrize("name", REFUSED_ACCOUNTS)
def test_an_account_name_that_could_be_misread_is_refused(name: str) -> None:
    """`+` would part a log-in, a comma a certificate's principals, a dash an option of a command."""
    with pytest.raises(Invalid, match="account"):
        checks.account(name)


@pytest.mark.parametrize("name", ["engineer", "Administrator", "PLANT\\svc.line4", "eng@plant.local", "box$", "_x"])
def test_account_names_of_windows_and_unix_are_taken(name: str) -> None:
    assert checks.account(name) == name


@pytest.mark.parametrize("ids", REFUSED_OWNERS)
def test_owners_are_persons_and_there_is_one(ids: list[str]) -> None:
    with pytest.raises(Invalid, match="owners"):
        checks.owners([PersonId(i) for i in ids])


def test_an_owner_named_twice_is_one() -> None:
    omar = PersonId(new_id("per"))
    assert checks.owners([omar, omar]) == {omar}


@pytest.mark.parametrize("text", ["6", "", "2.7", "-1", "2.5.5", "two", "3.5\n"])
def test_a_level_that_purdue_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="level"):
        checks.level(text)


@pytest.mark.parametrize(
    "text", ["MD5:aa:bb", "SHA256:short", "SHA256:" + "A" * 44, "A" * 43, "SPKI-SHA256:" + "A" * 43]
)
def test_a_fingerprint_of_a_host_key_is_as_openssh_prints_it(text: str) -> None:
    with pytest.raises(Invalid, match="ssh-keygen"):
        checks.fingerprint(text, Protocol.SSH)
    assert checks.fingerprint("SHA256:" + "A" * 43, Protocol.SSH)
    assert checks.fingerprint("", Protocol.SSH) == ""


@pytest.mark.parametrize("text", ["SHA256:" + "A" * 43, "SPKI-SHA256:short", "SPKI-SHA256:" + "A" * 44, "aa:bb"])
def test_a_fingerprint_of_a_certificate_is_of_its_public_key(text: str) -> None:
    with pytest.raises(Invalid, match="SPKI-SHA256"):
        checks.fingerprint(text, Protocol.RDP)
    one = "SPKI-SHA256:" + "A" * 43
    assert {checks.fingerprint(t, Protocol.RDP) for t in (one, one + "=")} == {one}
    assert checks.fingerprint("", Protocol.RDP) == ""
