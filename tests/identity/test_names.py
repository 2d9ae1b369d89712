"""Odd user names: refused like any other, and one escaped line in the log (abuse case 14)."""

import pytest

from gateway.errors import Refused
from tests.identity.conftest import HOME, PASSWORD, Site
from tests.identity.keys import ED25519

ODD = [
    "../../etc/passwd",
    "~",
    "~root",
    "${HOME}",
    "$(id)",
    "`id`",
    "%u",
    "%s%s%n",
    "vera\x00",
    "vera\nsam",
    "\r\n\r\nGET /",
    "x" * 60_000,
    "\u202evera",
    "ve\u200bra",
    "\u1d5bera",
    "Vera",
    "vera ",
    "{{7*7}}",
    "'; DROP TABLE person; --",
    "vera' OR '1'='1",
    "10.0.0.5",
    "169.254.169.254",
    "\udcff\udcfe",
    "\x1b]0;owned\x07",
    "",
    "vera+ews-l4",
    "gateway",
]


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
async def test_14_an_odd_name_is_nobody_and_one_escaped_line(site: Site, name: str):
    assert not await site.identity.has_key(name, ED25519, HOME)
    for call in (
        site.identity.check_password(name, PASSWORD, HOME),
        site.identity.check_code(name, "000000", HOME),
        site.identity.prove_key(name, ED25519, True, HOME),
        site.identity.sign_in(name, PASSWORD, "000000", HOME),
        site.identity.admit(name, (), HOME),
    ):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.code == "bad_credentials"
        assert name not in refused.value.words or name == ""
    events = await site.events("identity.login.refused")
    assert [e["stage"] for e in events] == ["password", "code", "key", "password", "admit"]
    for event in events:
        assert event["actor"] == "gateway"  # who it was is not known
        assert event["claimed"].isprintable()
        assert len(event["claimed"]) <= 64 * 6
    assert len(await site.identity.people()) == 3
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
