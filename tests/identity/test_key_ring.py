"""SSH public keys: strong ones, one person each (C10, C12)."""

import pytest

from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.identity.keys import parse
from gateway.identity.model import Factor
from gateway.limits import KEYS_OF_PERSON
from tests.identity.conftest import HOME, PASSWORD, Site
from tests.identity.keys import ED25519, SK, public, sk


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 " + "A" * 9000,
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        'command="sh" ' + ED25519,
        ED25519 + "\n" + "x" * 8200,
        "\x00",
        public("ssh-dss"),
        public("ssh-rsa", key_size=2048),
    ],
    ids=range(10),
)
async def test_what_is_no_key_or_a_weak_one_is_refused(site: Site, line: str):
    with pytest.raises(Invalid) as invalid:
        await site.identity.add_key(site.persons["vera"], line, "laptop")
    assert invalid.value.field == "key"
    assert await site.identity.keys(site.persons["vera"]) == []
    assert not await site.identity.has_key("vera", line, HOME)


@pytest.mark.parametrize(
    "line", [ED25519, SK, public("ssh-rsa", key_size=3072), public("ecdsa-sha2-nistp384")], ids=range(4)
)
async def test_a_strong_key_is_kept_without_its_comment(site: Site, line: str):
    key = await site.identity.add_key(site.persons["vera"], f"{line} vera@laptop\n", "laptop")
    assert key.public == line
    assert key.fingerprint == parse(line)[0]
    assert key.hardware == line.startswith("sk-")
    assert await site.identity.keys(site.persons["vera"]) == [key]


async def test_c10_a_key_of_another_person_is_refused_and_alarms(site: Site):
    sam, vera, vito = (site.persons[n] for n in ("sam", "vera", "vito"))
    key = await site.identity.add_key(vera, ED25519, "laptop")
    with pytest.raises(Refused) as refused:
        await site.identity.add_key(vito, ED25519 + " mine", "laptop", actor=sam)
    assert refused.value.code == "key_taken"
    assert "vera" not in refused.value.words
    assert await site.identity.keys(vito) == []
    event = (await site.events("identity.key.shared"))[-1]
    assert (event["actor"], event["person"], event["owner"]) == ("sam", "vito", "vera")
    assert event["fingerprint"] == key.fingerprint
    await site.identity.disable(sam, "vera", "left")
    with pytest.raises(Refused, match="key_taken"):
        await site.identity.add_key(vito, ED25519, "laptop")


async def test_a_key_twice_is_a_conflict_and_so_are_too_many(site: Site):
    vera = site.persons["vera"]
    await site.identity.add_key(vera, ED25519, "laptop")
    with pytest.raises(Conflict):
        await site.identity.add_key(vera, ED25519, "again")
    for _ in range(KEYS_OF_PERSON - 1):
        await site.identity.add_key(vera, sk(), "stick")
    with pytest.raises(Conflict):
        await site.identity.add_key(vera, sk(), "one too many")


async def test_nobody_but_an_admin_touches_the_keys_of_another(site: Site):
    vera, vito = site.persons["vera"], site.persons["vito"]
    key = await site.identity.add_key(vera, ED25519, "laptop")
    for call in (
        site.identity.add_key(vera, SK, "mine now", actor=vito),
        site.identity.remove_key(vera, key.fingerprint, actor=vito),
    ):
        with pytest.raises(Refused, match="not_admin"):
            await call
    with pytest.raises(NotFound):
        await site.identity.remove_key(vito, key.fingerprint)
    assert await site.identity.keys(vera) == [key]


async def test_a_removed_key_opens_nothing_not_even_with_a_proof_shown_before(site: Site):
    vera = site.persons["vera"]
    key = await site.identity.add_key(vera, ED25519, "laptop")
    first = await site.identity.prove_key("vera", ED25519, False, HOME)
    second = await site.identity.check_code("vera", site.code("vera"), HOME)
    await site.identity.remove_key(vera, key.fingerprint, actor=site.persons["sam"])
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.admit("vera", (first, second), HOME)
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.prove_key("vera", ED25519, False, HOME)
    assert not await site.identity.has_key("vera", ED25519, HOME)


async def test_8_an_offered_key_proves_nothing(site: Site):
    vera = site.persons["vera"]
    await site.identity.add_key(vera, ED25519, "laptop")
    assert await site.identity.has_key("vera", ED25519, HOME)
    assert not await site.identity.has_key("vito", ED25519, HOME)
    assert not await site.identity.has_key("nobody", ED25519, HOME)
    assert not await site.identity.has_key("vera", SK, HOME)
    assert await site.identity.recent(vera.id, HOME) == ()
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.check_code("vera", site.code("vera"), HOME)


@pytest.mark.parametrize(
    ("line", "touched", "factor"),
    [
        (ED25519, False, Factor.SSH_KEY),
        (ED25519, True, Factor.SSH_KEY),  # no such thing as touching it
        (SK, False, Factor.SSH_KEY),
        (SK, True, Factor.SSH_KEY_TOUCHED),
    ],
    ids=range(4),
)
async def test_c12_only_a_touched_hardware_key_is_phishing_resistant(site: Site, line, touched, factor):
    await site.identity.add_key(site.persons["vera"], line, "key")
    assert (await site.identity.prove_key("vera", line, touched, HOME)).factor is factor


async def test_a_touched_key_and_a_password_are_two_factors(site: Site):
    await site.identity.add_key(site.persons["vera"], SK, "stick")
    proofs = (
        await site.identity.prove_key("vera", SK, True, HOME),
        await site.identity.check_password("vera", PASSWORD, HOME),
    )
    assert await site.identity.admit("vera", proofs, HOME)
