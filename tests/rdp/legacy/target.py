"""Old targets: Debian's xrdp and FreeRDP's shadow server, told to speak as Windows did twenty years ago."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.demo.desktop import PATH, free_port, listening
from gateway.demo.programs import until
from tests.rdp.peers import Target, xrdp_vnc
from tests.rdp.peers.targets import ADDRESS


@asynccontextmanager
async def old_xrdp(
    folder: Path, *, layer: str = "rdp", level: str = "high", protocols: str = "TLSv1.2, TLSv1.3"
) -> AsyncIterator[Target]:
    """A second xrdp in front of the screen of `xrdp_vnc`; `layer`, `level` and `protocols` as in xrdp.ini(5)."""
    async with xrdp_vnc(folder) as target:
        port = free_port(ADDRESS)
        text = (folder / "xrdp.ini").read_text()
        for before, now in (
            (f"port=tcp://{ADDRESS}:{target.port}", f"port=tcp://{ADDRESS}:{port}"),
            ("security_layer=tls", f"security_layer={layer}"),
            ("crypt_level=high", f"crypt_level={level}"),
            ("ssl_protocols=TLSv1.2, TLSv1.3", f"ssl_protocols={protocols}"),
            ("xrdp-main.log", "xrdp-old.log"),
            ("LogLevel=INFO", "LogLevel=DEBUG"),
        ):
            assert before in text, before
            text = text.replace(before, now)
        settings = folder / "xrdp-old.ini"
        settings.write_text(text)
        old = await target.running.start("xrdp-old", "xrdp", "--nodaemon", "-c", settings, env={"PATH": PATH})
        await until(lambda: listening(port), "the old xrdp", old)
        yield replace(target, port=port)
