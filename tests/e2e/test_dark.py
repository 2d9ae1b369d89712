"""Not one packet towards the plant outside an approved session (C6, C80), seen from the plant's side of the wire."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo import site as demo

pytestmark = pytest.mark.peer

GATEWAY, PLANT = f"sg-gw-{os.getpid()}", f"sg-pl-{os.getpid()}"
TARGET = """
import asyncio, sys, asyncssh
from pathlib import Path
from gateway.demo import target
async def main():
    folder = Path(sys.argv[1])
    while not (folder / "account_key").exists() or not (folder / "account_key").read_bytes().endswith(b"-----\\n"):
        await asyncio.sleep(0.05)
    key = asyncssh.read_private_key(folder / "account_key").convert_to_public()
    async with await target.start("10.99.2.2", 2022, account="engineer", key=key, home=folder / "home"):
        await asyncio.Event().wait()
asyncio.run(main())
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def inside(space: str) -> tuple[str, str]:
    """Not `ip netns exec` nor `ip -n`: these mount, and in a chroot they cannot."""
    return "nsenter", f"--net=/run/netns/{space}"


@pytest.fixture
def namespaces() -> Iterator[None]:
    """Two hosts on one wire, silent by themselves: neighbours are permanent, IPv6 is off."""
    run("ip", "netns", "add", GATEWAY)
    run("ip", "netns", "add", PLANT)
    try:
        run("ip", "link", "add", "south", "netns", GATEWAY, "type", "veth", "peer", "name", "north", "netns", PLANT)
        for space, name, address in ((GATEWAY, "south", "10.99.2.1"), (PLANT, "north", "10.99.2.2")):
            run(*inside(space), "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
            run(*inside(space), "ip", "addr", "add", f"{address}/24", "dev", name)
            run(*inside(space), "ip", "link", "set", "lo", "up")
            run(*inside(space), "ip", "link", "set", name, "up")
        for space, name, other, address in (
            (GATEWAY, "south", (PLANT, "north"), "10.99.2.2"),
            (PLANT, "north", (GATEWAY, "south"), "10.99.2.1"),
        ):
            link = json.loads(
                subprocess.check_output([*inside(other[0]), "ip", "-json", "link", "show", other[1]], text=True)
            )
            mac = link[0]["address"]
            run(*inside(space), "ip", "neigh", "replace", address, "lladdr", mac, "dev", name, "nud", "permanent")
        yield
    finally:
        for space in (GATEWAY, PLANT):
            run("ip", "netns", "delete", space)


def test_the_wire_to_the_plant_is_dark_before_release_and_after_the_end(namespaces: None, tmp_path: Path) -> None:
    assert demo.ACCOUNT == "engineer"
    folder, capture = tmp_path / "gateway", tmp_path / "capture.txt"
    folder.mkdir()
    with open(capture, "wb") as out:
        listener = subprocess.Popen(
            [*inside(PLANT), "tcpdump", "-l", "-n", "-i", "north"], stdout=out, stderr=subprocess.PIPE
        )
    target = subprocess.Popen([*inside(PLANT), sys.executable, "-c", TARGET, str(folder)])
    try:
        assert listener.stderr is not None
        while b"listening on" not in listener.stderr.readline():
            assert listener.poll() is None
        visit = [*inside(GATEWAY), sys.executable, "-m", "tests.e2e.dark", str(folder), str(capture)]
        out = subprocess.run(visit, check=False, capture_output=True, text=True, timeout=100)
        assert out.returncode == 0, out.stderr
    finally:
        for process in (listener, target):
            process.terminate()
            process.wait()
        listener.stderr and listener.stderr.close()
    phases = json.loads(out.stdout.splitlines()[-1])
    assert phases["holding"] == 0
    assert phases["session"] > 20
    assert phases["afterwards"] == 0
