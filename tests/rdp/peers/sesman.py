"""Target C: xrdp as it is installed, with logins, a session of its own and a clipboard, in namespaces of its own.

It needs root: sesman changes users. The user exists only for sesman (nss_wrapper) and its password only for PAM as
sesman sees it (pam_wrapper); he has the number 0, so that the temporary folder is his.
"""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.demo.desktop import LOG_AND_CHANNELS, Screen, certify, listening
from gateway.demo.programs import programs, until
from tests.e2e.waiting import eventually
from tests.ports import free_port
from tests.rdp.peers.screens import copies, pastes
from tests.rdp.peers.targets import ADDRESS, Target

INDIANRED: Final = (205, 92, 92)
INSTALLED: Final = Path("/etc/xrdp")
XRDP: Final = (
    """\
[Globals]
ini_version=1
fork=true
port=tcp://{host}:{port}
tcp_nodelay=true
security_layer=tls
crypt_level=high
certificate={folder}/desktop.crt
key_file={folder}/desktop.key
ssl_protocols=TLSv1.2, TLSv1.3
autorun=Xorg
allow_channels=true
max_bpp=32
new_cursors=true
use_fastpath=both
require_credentials=true
"""
    + LOG_AND_CHANNELS
    + """\
[Xorg]
name=Xorg
lib=libxup.so
username=ask
password=ask
ip=127.0.0.1
port=-1
code=20
"""
)
SESSION: Final = """\
#!/bin/sh
xsetroot -solid indianred
openbox &
until xdotool get_num_desktops >/dev/null 2>&1; do sleep 0.1; done
xterm -geometry 80x24+40+40 -e sh -c 'stty -icanon; : > {folder}/typed.txt; exec cat -u >> {folder}/typed.txt' &
xdotool search --sync --onlyvisible --class XTerm windowactivate --sync
printf '%s\\n%s\\n' "$DISPLAY" "$XAUTHORITY" > {folder}/session.new
mv {folder}/session.new {folder}/session.txt
wait
"""
# Its own view of /etc/xrdp and /run/xrdp, and a process tree that ends as one.
START: Final = """\
mkdir -p /run/xrdp
mount --bind {folder}/etc /etc/xrdp
mount -t tmpfs tmpfs /run/xrdp
env LD_PRELOAD="libpam_wrapper.so libnss_wrapper.so" NSS_WRAPPER_PASSWD={folder}/passwd \
  NSS_WRAPPER_GROUP={folder}/group PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR={folder}/pam.d \
  xrdp-sesman --nodaemon -c {folder}/etc/sesman.ini >{folder}/sesman.log 2>&1 &
exec xrdp --nodaemon -c {folder}/etc/xrdp.ini
"""


@dataclass
class Sesman(Target):
    """Its session, and with it the terminal, begins when somebody logs on."""

    async def begun(self) -> dict[str, str]:
        """Wait for the session; what its programs need to find its screen."""
        file = self.folder / "session.txt"
        await eventually(file.exists, lambda: f"the session; sesman said:\n{self.log('sesman-main')[-2000:]}")
        shown, authority = file.read_text().splitlines()
        return self.screen.env | {"DISPLAY": shown, "XAUTHORITY": authority or str(self.folder / "home/.Xauthority")}

    async def copies(self, text: str) -> None:
        await copies(self.running, await self.begun(), text)

    async def pastes(self) -> str:
        return await pastes(await self.begun())


@asynccontextmanager
async def sesman(
    folder: Path, *, host: str = ADDRESS, user: str = "desk", password: str = "DeskPass!1"
) -> AsyncIterator[Sesman]:
    port, offset = free_port(host), 100 + free_port("127.0.0.1") % 10_000
    _prepare(folder, host, port, offset, user, password)
    async with programs(folder) as running:
        inside = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", _kept())
        env = {"HOME": str(folder / "home"), "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        server = await running.start("xrdp", *inside, "sh", "-ec", START.format(folder=folder), env=env)
        await until(lambda: listening(port), "xrdp and its sesman", server)
        try:
            yield Sesman(host, port, user, password, INDIANRED, Screen("", env, server), folder, running)
        finally:
            await running.stop()
            # It was killed with its namespace, and left what an X server takes away when it ends.
            for left in (f"/tmp/.X{offset}-lock", f"/tmp/.X11-unix/X{offset}"):
                Path(left).unlink(missing_ok=True)


def _kept() -> str:
    """How mounts are kept from the machine: in a chroot, whose root is no mount, there is nothing to make private."""
    roots = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return "private" if "/" in roots else "unchanged"


def _prepare(folder: Path, host: str, port: int, offset: int, user: str, password: str) -> None:
    home, etc, pam = folder / "home", folder / "etc", folder / "pam.d"
    folder.mkdir(parents=True, exist_ok=True)
    for made in (home, pam):
        made.mkdir()
    shutil.copytree(INSTALLED, etc, symlinks=True)
    certify(folder, "ews-l5", SystemClock().now())
    (etc / "xrdp.ini").write_text(XRDP.format(host=host, port=port, folder=folder))
    wanted = {
        "ListenPort": str(free_port("127.0.0.1")), "EnableUserWindowManager": "false", "X11DisplayOffset": str(offset),
        "EnableSyslog": "false", "LogFile": f"{folder}/sesman-main.log",
    }  # fmt: skip
    lines = (etc / "sesman.ini").read_text().splitlines()
    (etc / "sesman.ini").write_text("\n".join(_setting(line, wanted) for line in lines) + "\n")
    start = etc / "startwm.sh"
    start.write_text(SESSION.format(folder=folder))
    start.chmod(0o755)
    (folder / "passwd").write_text(f"{user}:x:0:0:{user}:{home}:/bin/bash\n")
    (folder / "group").write_text("root:x:0:\n")
    (folder / "pamdb").write_text(f"{user}:{password}:xrdp-sesman\n")
    found = subprocess.run(["sh", "-c", "echo /usr/lib/*/pam_wrapper/pam_matrix.so"], capture_output=True, check=True)
    module = found.stdout.decode().strip()
    (pam / "xrdp-sesman").write_text(
        "".join(
            f"{kind} required {module} passdb={folder}/pamdb\n" for kind in ("auth", "account", "password", "session")
        )
    )


def _setting(line: str, wanted: dict[str, str]) -> str:
    name = line.partition("=")[0].strip()
    return f"{name}={wanted[name]}" if name in wanted else line
