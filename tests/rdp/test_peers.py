"""The harness itself: clients directly to targets, without a gateway between them."""

import asyncio
from pathlib import Path

import pytest

from tests.rdp.peers import (
    connections_to,
    display,
    eventually,
    looks_like,
    pasted,
    probe,
    rdesktop,
    sesman,
    shadow,
    share_of,
    xfreerdp,
    xrdp_vnc,
)
from tests.rdp.peers.targets import TERMINAL

pytestmark = pytest.mark.peer


async def test_xfreerdp_shows_a_and_what_is_typed_arrives(tmp_path: Path) -> None:
    async with xrdp_vnc(tmp_path / "a") as target, display(tmp_path / "d") as screen:
        assert connections_to(target.port) == 0
        async with xfreerdp(screen, target.host, target.port, target.user, target.password) as client:
            await client.sees(lambda image: share_of(image, target.colour) > 0.5, "the desktop")
            assert connections_to(target.port) == 1
            await client.types("Hello 42\n", at=TERMINAL)
            await target.received("Hello 42\n")
            assert looks_like(await client.screenshot(), await client.screenshot())


async def test_a_wants_the_right_password(tmp_path: Path) -> None:
    async with (
        xrdp_vnc(tmp_path / "a") as target,
        display(tmp_path / "d") as screen,
        xfreerdp(screen, target.host, target.port, target.user, "wrong") as client,
    ):
        await eventually(lambda: "VNC password failed" in target.log("xrdp-main"), lambda: target.log("xrdp-main"))
        assert share_of(await client.screenshot(), target.colour) < 0.1


async def test_xfreerdp_shows_b_over_nla_and_what_is_typed_arrives(tmp_path: Path) -> None:
    async with (
        shadow(tmp_path / "b") as target,
        display(tmp_path / "d") as screen,
        xfreerdp(screen, target.host, target.port, target.user, target.password) as client,
    ):
        await client.sees(lambda image: share_of(image, target.colour) > 0.5, "the desktop")
        await client.types("Hello 43\n", at=TERMINAL)
        await target.received("Hello 43\n")


async def test_b_refuses_a_wrong_password(tmp_path: Path) -> None:
    async with (
        shadow(tmp_path / "b") as target,
        display(tmp_path / "d") as screen,
        xfreerdp(screen, target.host, target.port, target.user, "wrong") as client,
    ):
        assert await client.ends() != 0


async def test_the_clipboard_of_c_goes_both_ways(tmp_path: Path) -> None:
    async with (
        sesman(tmp_path / "c") as target,
        display(tmp_path / "d") as screen,
        xfreerdp(screen, target.host, target.port, target.user, target.password, "+clipboard") as client,
    ):
        await target.begun()
        await client.sees(lambda image: share_of(image, target.colour) > 0.5, "the desktop")
        await client.types("Hello 45\n", at=TERMINAL)
        await target.received("Hello 45\n")
        await screen.copies("from the client")
        await pasted(target, "from the client")
        await target.copies("from the target")
        await pasted(screen, "from the target")


async def test_rdesktop_gets_as_far_as_tls_with_a(tmp_path: Path) -> None:
    # What follows fails now and then between these two, without us: rdesktop or xrdp waits for what has already come.
    async with (
        xrdp_vnc(tmp_path / "a") as target,
        display(tmp_path / "d") as screen,
        rdesktop(screen, target.host, target.port, target.user, target.password) as client,
    ):
        await client.says("Connection established using SSL")


async def test_the_probe_counts_every_connection_and_keeps_what_passed(tmp_path: Path) -> None:
    async with xrdp_vnc(tmp_path / "a") as target, probe(target.host, (target.host, target.port)) as door:
        assert door.connections == 0
        reader, writer = await asyncio.open_connection(door.host, door.port)
        # X.224 Connection Request with RDP_NEG_REQ for TLS ([MS-RDPBCGR] 2.2.1.1).
        request = bytes.fromhex("03000013 0ee00000000000 0100080001000000")
        writer.write(request)
        assert (await reader.readexactly(4))[:2] == b"\x03\x00"
        assert (door.connections, door.open) == (1, 1)
        assert bytes(door.upward) == request
        writer.close()
        await eventually(lambda: door.open == 0, "the end")


async def test_nothing_is_left_running(tmp_path: Path) -> None:
    async with xrdp_vnc(tmp_path / "a") as target, display(tmp_path / "d") as screen:
        started = [*target.running.running, *screen.running.running]
        assert all(program.alive for program in started if program.name != "xsetroot")
    assert not any(program.alive for program in started)
    assert connections_to(target.port) == 0
    assert not Path(f"/tmp/.X11-unix/X{target.screen.display[1:]}").exists()
