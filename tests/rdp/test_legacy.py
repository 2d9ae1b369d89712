"""Old targets (C50): what a service's profile lets in, and what it never does. docs/guide/legacy.md tells it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.fronts.rdp.pictures import Tone
from gateway.inventory.exceptions import Proposal
from gateway.inventory.model import LEGACY_CRYPTO, CryptoProfile, Protocol
from gateway.rdp.standard_security_keys import UPDATE_EVERY, Direction
from tests.rdp.house import HERE, House, house
from tests.rdp.peers import Client, Target, display, share_of, xfreerdp, xrdp_vnc
from tests.rdp.peers.screens import output
from tests.rdp.peers.targets import STEELBLUE, TERMINAL

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

TLS_1_0 = "security_layer=tls\nssl_protocols=TLSv1\ntls_ciphers=DEFAULT:@SECLEVEL=0"
TLS_1_1 = "security_layer=tls\nssl_protocols=TLSv1.1\ntls_ciphers=DEFAULT:@SECLEVEL=0"
STANDARD = "security_layer=rdp\ncrypt_level=high"
STANDARD_40 = "security_layer=rdp\ncrypt_level=medium"
MODERN, COMPAT, LEGACY = CryptoProfile.MODERN, CryptoProfile.COMPAT, CryptoProfile.LEGACY
REASON = "Windows 2000, replaced in March"


async def told_why_not(vera: Client) -> None:
    await vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "a screen that says why not")


async def at_the_desktop(vera: Client) -> None:
    await vera.sees(lambda seen: share_of(seen, STEELBLUE) > 0.5, "the desktop")


async def declared(home: House, profile: CryptoProfile) -> None:
    """Sam gives the service its profile."""
    s = home.gateway.services
    target = await s.inventory.target_named("ews-l4")
    service = target.service(Protocol.RDP)
    assert service is not None
    await s.inventory.change_service(
        "sam", target.name, target.version, service.id, address=service.address, port=service.port, profile=profile,
    )  # fmt: skip


async def excepted(home: House, lasting: timedelta = timedelta(days=30)) -> None:
    """Sam proposes that old cryptography will do; Omar accepts it."""
    s = home.gateway.services
    await declared(home, LEGACY)
    sam, omar = [await s.identity.person_named(name) for name in ("sam", "omar")]
    asked = Proposal(
        kind=LEGACY_CRYPTO, service="rdp", reason=REASON, compensation="A cable of its own",
        expires=s.clock.now() + lasting,
    )  # fmt: skip
    proposed = await s.inventory.propose_exception("sam", sam.id, "ews-l4", asked)
    await s.inventory.accept_exception("omar", omar.id, proposed.id)


async def types_there(vera: Client, target: Target, text: str) -> None:
    await at_the_desktop(vera)
    await vera.types(f"{text}\n", at=TERMINAL)
    await target.received(f"{text}\n")


@pytest.mark.parametrize(
    ("security", "profile", "outcome"),
    [
        (TLS_1_0, MODERN, told_why_not),
        (TLS_1_0, COMPAT, told_why_not),
        (TLS_1_0, LEGACY, at_the_desktop),
        (TLS_1_1, LEGACY, at_the_desktop),
        (STANDARD, COMPAT, told_why_not),
        (STANDARD, LEGACY, at_the_desktop),
        (STANDARD_40, LEGACY, at_the_desktop),
    ],
    ids=[
        "TLS 1.0, modern", "TLS 1.0, compat", "TLS 1.0, legacy", "TLS 1.1, legacy", "standard, compat",
        "standard, legacy", "40 bit, legacy",
    ],
)  # fmt: skip
async def test_an_old_target_is_entered_as_its_profile_says(
    tmp_path: Path, monkeypatch, security: str, profile: CryptoProfile, outcome
) -> None:
    async with (
        xrdp_vnc(tmp_path / "t", security=security) as target,
        house(tmp_path / "g", target, monkeypatch, user=target.user) as home,
        display(tmp_path / "d") as screen,
    ):
        await (excepted(home) if profile is LEGACY else declared(home, profile))
        grant = await home.granted()
        ticket = await home.ticket(grant)
        await home.released(grant)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as vera:
            await outcome(vera)
            if outcome is told_why_not:
                assert "VNC" not in target.log("xrdp-main")  # nobody logged on
                return
            if "ssl_protocols" in security:
                spoken = security.split("ssl_protocols=")[1].split()[0]
                assert f": {spoken} with cipher" in target.log("xrdp-main")
            await types_there(vera, target, "old")
            service = (await home.gateway.services.inventory.target_named("ews-l4")).service(Protocol.RDP)
            assert service is not None
            pinned = await home.gateway.services.inventory.pinned(service.id)
            assert pinned is not None
            assert pinned.fingerprint.startswith("SPKI-SHA256:")


async def test_after_its_end_an_exception_leaves_nothing_and_the_person_reads_why(tmp_path: Path, monkeypatch) -> None:
    async with (
        xrdp_vnc(tmp_path / "t", security=STANDARD) as target,
        house(tmp_path / "g", target, monkeypatch, user=target.user) as home,
        display(tmp_path / "d") as screen,
    ):
        await excepted(home, timedelta(minutes=2))
        grant = await home.granted()
        ticket = await home.ticket(grant)
        await home.released(grant)
        home.clock.pass_time(timedelta(minutes=3))
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as vera:
            await told_why_not(vera)
        assert "VNC" not in target.log("xrdp-main")
        refused = (await home.events("session.arrival.refused"))[-1]
        assert (refused["reason"], refused["rule"]) == ("legacy_crypto_not_excepted", "C51")


async def moves(vera: Client, times: int) -> None:
    """Her mouse, there and back."""
    window = await vera.window()
    script = "\n".join(f"mousemove --window {window} {300 + step % 200} 300" for step in range(times))
    await output("xdotool", "-", env=vera.display.env, feed=script.encode())


async def test_a_session_outlives_the_key_of_4096_packets(tmp_path: Path, monkeypatch) -> None:
    ways: list[Direction] = []
    rekeyed = Direction._turn

    def counted(self: Direction) -> None:
        if self not in ways:
            ways.append(self)
        rekeyed(self)

    monkeypatch.setattr(Direction, "_turn", counted)
    async with (
        xrdp_vnc(tmp_path / "t", security=STANDARD) as target,
        house(tmp_path / "g", target, monkeypatch, user=target.user) as home,
        display(tmp_path / "d") as screen,
    ):
        await excepted(home)
        grant = await home.granted()
        ticket = await home.ticket(grant)
        await home.released(grant)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as vera:
            await types_there(vera, target, "before")
            out = ways[0]
            async with asyncio.timeout(100):
                while out._packets <= UPDATE_EVERY:
                    await moves(vera, 500)
            await types_there(vera, target, "after")
