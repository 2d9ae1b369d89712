"""The program as it is installed: without this checkout, and without what only tests need."""

import asyncio
import os
import re
import shutil
import ssl
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import httpx
import pytest

from gateway.config import FILE
from tests.e2e.site import SETTINGS
from tests.ports import free_port

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]
ROOT = Path(__file__).parent.parent.parent
LIMIT = 60.0  # seconds that a start may take on a busy machine


async def run(*argv: str, cwd: Path) -> tuple[int | None, str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | {
        name: value for name, value in os.environ.items() if "SSL" in name or "CERT" in name or "CA_BUNDLE" in name
    }
    process = await asyncio.create_subprocess_exec(*argv, cwd=cwd, env=environment, stdout=PIPE, stderr=STDOUT)
    said, _ = await process.communicate()
    return process.returncode, said.decode(errors="replace")


async def test_what_make_install_installs_serves_the_page_and_has_nothing_of_the_tests(tmp_path: Path) -> None:
    prefix, folder = tmp_path / "opt", tmp_path / "site"
    status, said = await run("make", "install", f"PREFIX={prefix}", cwd=ROOT)
    assert status == 0, said
    program, python = prefix / "bin" / "sluicegate", prefix / "bin" / "python"
    assert (await run(str(python), "-c", "import pytest", cwd=tmp_path))[0] != 0
    assert (await run(str(python), "-c", "import gateway; print(gateway.__path__)", cwd=tmp_path))[1].count(str(prefix))

    folder.mkdir()
    page = free_port()
    (folder / FILE).write_text(SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=page, folder=folder))
    served = await asyncio.create_subprocess_exec(
        str(program), "serve", str(folder), cwd=tmp_path, stdout=PIPE, stderr=STDOUT
    )
    assert served.stdout is not None
    try:
        async with asyncio.timeout(LIMIT):
            while b"setup token" not in (line := await served.stdout.readline()):
                assert line, "it ended"
        trust = ssl.create_default_context(cafile=str(folder / "keys" / "tls_ca.crt"))
        async with httpx.AsyncClient(verify=trust) as browser:
            html = (await browser.get(f"https://localhost:{page}/")).raise_for_status().text
            script = re.search(r'src="(/assets/index-[^"]+\.js)"', html)
            assert script, html
            assert (await browser.get(f"https://localhost:{page}{script[1]}")).raise_for_status().content
    finally:
        served.terminate()
        assert await served.wait() == 0
        shutil.rmtree(prefix)
