"""Not one packet towards the plant before a desktop is released and after it ended (C6, C80), seen from the plant."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_dark import GATEWAY, PLANT, inside, namespaces

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]
__all__ = ["namespaces"]

TARGET = """
import asyncio, signal, sys
from pathlib import Path
from tests.rdp.peers import xrdp_vnc
async def main():
    async with xrdp_vnc(Path(sys.argv[1]), host="10.99.2.2") as target:
        print(target.port, target.user, target.password, flush=True)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()  # it takes its screens along
asyncio.run(main())
"""


@pytest.mark.usefixtures("namespaces")
def test_the_wire_to_the_plant_is_dark_before_a_desktop_is_released_and_after_its_end(tmp_path: Path) -> None:
    folder, capture = tmp_path / "gateway", tmp_path / "capture.txt"
    folder.mkdir()
    with capture.open("wb") as out:
        listener = subprocess.Popen(
            [*inside(PLANT), "tcpdump", "-l", "-n", "-i", "north"], stdout=out, stderr=subprocess.PIPE
        )
    target = subprocess.Popen(
        [*inside(PLANT), sys.executable, "-c", TARGET, str(tmp_path / "t")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert listener.stderr is not None
        while b"listening on" not in listener.stderr.readline():
            assert listener.poll() is None
        assert target.stdout is not None
        given = target.stdout.readline().split()
        visit = [*inside(GATEWAY), sys.executable, "-m", "tests.rdp.dark", str(folder), str(capture), *given]
        done = subprocess.run(visit, check=False, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
    finally:
        for process in (listener, target):
            process.terminate()
            process.wait()
        for pipe in (listener.stderr, target.stdout):
            if pipe is not None:
                pipe.close()
    phases = json.loads(done.stdout.splitlines()[-1])
    assert phases["holding"] == 0
    assert phases["session"] > 20
    assert phases["afterwards"] == 0
