"""A desktop to try things on: xrdp in front of a virtual X screen, all of it in one folder, run by whoever started it.

xrdp hands the password of the one who logs on to the screen's own VNC door: nothing of the machine's users is touched,
and a wrong password is refused by the desktop itself. While it runs there is the X server's socket and lock in /tmp,
and root's xrdp makes /run/xrdp, as both programs always do.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from gateway.demo.programs import Program, Programs, programs, until
from gateway.site_ca import issue, make_ca

PASSWORD_OCTETS: Final = 8  # VncAuth looks at no more
VNC_KEY: Final = bytes.fromhex("e84ad660c4721ae0")  # the one every VNC password file is written under
PATH: Final = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
NEEDED: Final = {"xrdp": "xrdp", "Xvnc": "tigervnc-standalone-server", "setpriv": "util-linux"}  # program: package
NICER: Final = {"openbox": "openbox", "xterm": "xterm", "xclock": "x11-apps", "xsetroot": "x11-xserver-utils"}
# Of xrdp.ini(5), what any desktop's settings have.
LOG_AND_CHANNELS: Final = """\
[Logging]
LogFile={folder}/xrdp-main.log
LogLevel=INFO
EnableSyslog=false
[Channels]
rdpdr=true
rdpsnd=true
drdynvc=true
cliprdr=true
"""
SETTINGS: Final = (
    """\
[Globals]
ini_version=1
fork=true
port=tcp://{host}:{port}
tcp_nodelay=true
{security}
certificate={folder}/desktop.crt
key_file={folder}/desktop.key
autorun=screen
allow_channels=true
bitmap_compression=true
max_bpp=32
new_cursors=true
use_fastpath=both
require_credentials=true
ls_title=ews-l4
"""
    + LOG_AND_CHANNELS
    + """\
[screen]
name=screen
lib=libvnc.so
ip=127.0.0.1
port={vnc}
username=ask
password=ask
"""
)
SECURITY: Final = "security_layer=tls\nssl_protocols=TLSv1.2, TLSv1.3"


@dataclass(frozen=True, slots=True)
class Screen:
    """A running X server and what its programs need to find it."""

    display: str
    env: dict[str, str]
    server: Program


@dataclass(frozen=True, slots=True)
class Desktop:
    """A desktop that can be logged on to over RDP."""

    screen: Screen
    port: int
    running: Programs


def missing(programs: dict[str, str] = NEEDED) -> list[str]:
    """The Debian packages of those programs that are not there."""
    return sorted({package for program, package in programs.items() if not shutil.which(program, path=PATH)})


def new_password() -> str:
    """As long as the screen's door looks at."""
    return secrets.token_hex(PASSWORD_OCTETS // 2)


@asynccontextmanager
async def desktop(
    folder: Path, host: str, port: int, password: str, at: datetime, *, size: str = "1024x768",
    colour: str = "steelblue", security: str = SECURITY,
) -> AsyncIterator[Desktop]:  # fmt: skip
    """Listen for RDP on `host`; any user name and `password` lead to the screen. Everything is in `folder`.

    Args:
        security: lines of xrdp.ini(5) about the protocols that it speaks.

    Raises:
        RuntimeError: a program did not get ready; with its last words.
    """
    vnc = free_port("127.0.0.1")
    settings = prepare(folder, password, at, {"host": host, "port": port, "vnc": vnc, "security": security})
    async with programs(folder) as running:
        screen = await start_screen(
            running, "Xvnc", "-geometry", size, "-depth", "24", "-desktop", "ews-l4", "-rfbport", str(vnc),
            "-localhost", "-interface", "127.0.0.1", "-SecurityTypes", "VncAuth", "-rfbauth", folder / "vnc-password",
            "-BlacklistThreshold", "1000000", cookie=True,
        )  # fmt: skip
        xrdp = await running.start("xrdp", "xrdp", "--nodaemon", "-c", settings, env={"PATH": PATH})
        await until(lambda: listening(port), "xrdp", xrdp)
        if shutil.which("xsetroot"):
            await (await running.start("xsetroot", "xsetroot", "-solid", colour, env=screen.env)).ends()
        if shutil.which("openbox"):
            await running.start("openbox", "openbox", env=screen.env)
        yield Desktop(screen, port, running)


def prepare(folder: Path, password: str, at: datetime, values: dict[str, str | int]) -> Path:
    """Write what the programs read; returns xrdp's settings, which have these `values`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _secret(folder / "vnc-password", _obfuscated(password))
    certify(folder, "ews-l4", at)
    settings = folder / "xrdp.ini"
    settings.write_text(SETTINGS.format(folder=folder, **values))
    return settings


async def furnish(made: Desktop) -> None:
    """Put something on the screen to look at and to type in."""
    clock = ("xclock", "-update", "1", "-geometry", "200x200+780+20")
    shell = ("xterm", "-geometry", "80x24+40+40", "-title", "ews-l4", "-e", "/bin/bash", "--noprofile", "--norc")
    prompt = {"PS1": r"engineer@ews-l4:\w\$ "}
    for argv in (clock, shell):
        if shutil.which(argv[0]):
            await made.running.start(argv[0], *argv, env=made.screen.env | prompt, at=Path(made.screen.env["HOME"]))


async def start_screen(running: Programs, server: str, *options: str | Path, cookie: bool = False) -> Screen:
    """Start an X server on a display number that nobody has; with `cookie`, only for programs that know it."""
    home = running.folder / "home"
    home.mkdir(exist_ok=True)
    env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_RUNTIME_DIR": str(home)}
    auth: tuple[str | Path, ...] = ()
    if cookie:
        path = running.folder / "xauthority"
        _secret(path, _xauthority(secrets.token_bytes(16)))
        auth, env["XAUTHORITY"] = ("-auth", path), str(path)
    told, tells = os.pipe()
    try:
        program = await running.start(
            server,
            server,
            "-displayfd",
            str(tells),
            "-nolisten",
            "tcp",
            "-noreset",
            *auth,
            *options,
            env=env,
            keep=(tells,),
        )
        os.close(tells)
        os.set_blocking(told, False)
        number = bytearray()
        await until(lambda: _line(told, number), f"{server}'s display number", program)
    finally:
        os.close(told)
    env["DISPLAY"] = f":{number.decode().strip()}"
    return Screen(env["DISPLAY"], env, program)


def certify(folder: Path, name: str, at: datetime) -> None:
    """A key and a certificate as `desktop.key` and `desktop.crt`, of an authority that is forgotten at once."""
    if not (folder / "desktop.crt").exists():
        authority = folder / "desktop_ca.crt"
        ca_key = make_ca(authority, at)
        issue(folder / "desktop.crt", folder / "desktop.key", authority, ca_key, (name,), at, timedelta())


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def listening(port: int) -> bool:
    """Whether somebody listens on the TCP port, asked of the kernel: a try would be a connection to the target."""
    return any(row[3] == "0A" and row[1].endswith(f":{port:04X}") for row in sockets())


def sockets() -> list[list[str]]:
    """The fields of every TCP socket of this network namespace (proc(5), /proc/net/tcp)."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    return [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]


def _line(source: int, so_far: bytearray) -> bool:
    """Whether a whole line has come."""
    try:
        so_far += os.read(source, 64)
    except BlockingIOError:
        return False
    return so_far.endswith(b"\n")


def _secret(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def _obfuscated(password: str) -> bytes:
    """A VNC password file: DES under a key that everybody knows, which hides it from a glance and no more."""
    clear = password.encode()[:PASSWORD_OCTETS].ljust(PASSWORD_OCTETS, b"\0")
    # The file's format has no other mode.
    encryptor = Cipher(TripleDES(VNC_KEY * 3), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(clear) + encryptor.finalize()


def _xauthority(cookie: bytes) -> bytes:
    """One record for every host and display (Xau(3): family FamilyWild, then counted fields, big endian)."""
    fields = (b"", b"", b"MIT-MAGIC-COOKIE-1", cookie)
    return b"\xff\xff" + b"".join(len(f).to_bytes(2, "big") + f for f in fields)
