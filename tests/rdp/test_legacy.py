"""Old targets (C50): what a service's profile lets in, and what it never does. docs/guide/legacy.md tells it."""

from pathlib import Path

import pytest

from gateway.fronts.rdp.pictures import Tone
from gateway.inventory.model import CryptoProfile
from tests.rdp.house import HERE, house
from tests.rdp.peers import Client, display, share_of, xfreerdp, xrdp_vnc
from tests.rdp.peers.targets import STEELBLUE, TERMINAL

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

TLS_1_0 = "security_layer=tls\nssl_protocols=TLSv1\ntls_ciphers=DEFAULT:@SECLEVEL=0"
TLS_1_1 = "security_layer=tls\nssl_protocols=TLSv1.1\ntls_ciphers=DEFAULT:@SECLEVEL=0"
STANDARD = "security_layer=rdp\ncrypt_level=high"


async def told_why_not(vera: Client) -> None:
    await vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "a screen that says why not")


async def at_the_desktop(vera: Client) -> None:
    await vera.sees(lambda seen: share_of(seen, STEELBLUE) > 0.5, "the desktop")


@pytest.mark.parametrize(
    ("security", "profile", "outcome"),
    [
        (TLS_1_0, CryptoProfile.MODERN, told_why_not),
        (TLS_1_0, CryptoProfile.COMPAT, at_the_desktop),
        (TLS_1_1, CryptoProfile.COMPAT, at_the_desktop),
        (STANDARD, CryptoProfile.COMPAT, told_why_not),
    ],
    ids=["TLS 1.0, modern", "TLS 1.0, compat", "TLS 1.1, compat", "standard RDP security"],
)
async def test_an_old_target_is_entered_as_its_profile_says(
    tmp_path: Path, monkeypatch, security: str, profile: CryptoProfile, outcome
) -> None:
    async with (
        xrdp_vnc(tmp_path / "t", security=security) as target,
        house(tmp_path / "g", target, monkeypatch, user=target.user, profile=profile) as home,
        display(tmp_path / "d") as screen,
    ):
        grant = await home.granted()
        ticket = await home.ticket(grant)
        await home.released(grant)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as vera:
            await outcome(vera)
            if outcome is at_the_desktop:
                spoken = security.split("ssl_protocols=")[1].split()[0]
                assert f": {spoken} with cipher" in target.log("xrdp-main")
                await vera.types("old\n", at=TERMINAL)
                await target.received("old\n")
            else:
                assert "VNC" not in target.log("xrdp-main")  # nobody logged on
