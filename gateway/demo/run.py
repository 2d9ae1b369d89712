"""`make demo`: the gateway, the target and what to try, in one folder and one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pyotp
import qrcode

from gateway.app import Gateway, opened, run_until_signal
from gateway.clock import SystemClock
from gateway.config import read
from gateway.demo import desktop, drive, site, target

TOUR = """
Open    https://localhost:{page}   (the page; its certificate is by the site's own CA: {ca})

{people}

A current code at any time:   sluicegate demo code vera      (from this folder: {command} demo code vera)

A visit, step by step
 1. Vera signs in to the page and asks for access to ews-l4 (purpose, work order, window, duration).
 2. Omar signs in (a second browser or a private window) and approves it with a code.
 3. In a terminal, as Vera:    ssh -p {ssh} vera+ews-l4@localhost
    Password, then a code. She is told that the session waits for the control room.
 4. Lena releases it in the control room. The shell of ews-l4 opens.
 5. Lena watches, pauses, resumes, extends; what Vera types in a pause is discarded, and she is told.
 6. A second ssh, or   ssh -p {ssh} vera+ews-l4@localhost 'uname -a'   joins the visit.
 7. It ends when its time is up, or at once when Lena kills it.
 8. Ada finds the recording, replays it, downloads it; verify.py inside runs anywhere:
    python3 verify.py --site-key site-key.txt --log audit.jsonl --checkpoint {anchor} recording.slg

{desktop}
Leave with Ctrl-C. Everything is in {folder}; delete it to begin anew.
"""

FILES = """\
Files, and a page of a drive behind the target
 1. Vera asks as before, and ticks files and the service {service} too; Omar approves, Lena releases.
 2. sftp -P {ssh} vera+ews-l4@localhost        then: ls, get parameters/drive4.csv, put new.bin incoming/
    scp -P {ssh} vera+ews-l4@localhost:parameters/drive4.csv .
 3. ssh -N -p {ssh} -L {drive}:{service}:{drive} vera+ews-l4@localhost     and open http://localhost:{drive}
    Any other port of the target, or of another machine, is refused, and she reads why.
 4. Ada finds each file under Files: name, size, SHA-256, whole or in part.
"""
DESKTOP = """\
A visit to the desktop of ews-l4
 1. Vera asks as before, but for the protocol RDP and the account {account}; Omar approves.
 2. She presses Open in the browser at her access. Or she makes a ticket there for a client of her own, and runs
    xfreerdp /v:localhost:{rdp} /u:TICKET /p:SECRET /cert:tofu      (mstsc: the .rdp file beside the ticket)
 3. The window shows what it waits for. Lena releases it; the desktop comes up in the same window.
    Nobody is told its password: the gateway logs on.
 4. Lena watches, pauses, kills; Ada replays it as a film.
"""
NO_DESKTOP = "For a desktop to visit:  sudo apt-get install {packages}   and start again.\n"
OLD_FOLDER = "This folder is of a demonstration without desktops; delete it for one that has them.\n"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where people connect to (`ssh`, `page`, `rdp`), and where the target listens (`target`, `desktop`, `drive`)."""

    ssh: int
    page: int
    rdp: int  # not 3389, where Debian's xrdp listens once it is installed
    target: int
    desktop: int
    drive: int


async def demonstrate(folder: Path, ports: Ports) -> None:
    """Start everything in `folder`, an absolute path, and run until Ctrl-C."""
    site.write_settings(folder, ports.ssh, ports.page, ports.rdp)
    settings = read(folder)
    async with opened(folder, settings) as gateway:
        key, address = await site.make(gateway, site.TARGET_ADDRESS, ports.target), site.TARGET_ADDRESS
        await site.add_drive(gateway, address, ports.drive)
        drive.furnish(folder / "home")
        async with (
            await target.start(address, ports.target, account=site.ACCOUNT, key=key, home=folder / "home"),
            await drive.start(address, ports.drive, gateway.services.clock),
            _desktop(gateway, address, ports.desktop) as steps,
        ):
            beside = FILES.format(ssh=settings.ssh.port, service=drive.NAME, drive=ports.drive)
            tour = _tour(folder, settings.ssh.port, settings.page.port, gateway.keys.tls_ca, f"{beside}\n{steps}")
            await run_until_signal(gateway, lambda: print(tour, flush=True))


@asynccontextmanager
async def _desktop(gateway: Gateway, address: str, port: int) -> AsyncIterator[str]:
    """The target's desktop, when its programs are there; and the tour's words about it."""
    if gateway.settings.rdp is None:
        yield OLD_FOLDER
    elif packages := desktop.missing():
        yield NO_DESKTOP.format(packages=" ".join(packages))
    else:
        password = await site.add_desktop(gateway, address, port)
        now = gateway.services.clock.now()
        async with AsyncExitStack() as stack:
            try:
                made = await stack.enter_async_context(
                    desktop.desktop(gateway.folder / "desktop", address, port, password, now)
                )
                await desktop.furnish(made)
                steps = DESKTOP.format(account=site.DESKTOP_ACCOUNT, rdp=gateway.settings.rdp.port)
            except RuntimeError as error:
                steps = f"There is no desktop to visit: {error}\n"
            yield steps


def code(folder: Path, name: str) -> tuple[str, int] | None:
    """The current one-time code of a person of the demonstration and the seconds it lives; None for nobody."""
    for login in site.logins(folder):
        if login.name == name:
            now = SystemClock().now()
            return pyotp.TOTP(login.secret).at(now), 30 - int(now.timestamp()) % 30
    return None


def _tour(folder: Path, ssh: int, page: int, authority: Path, steps: str) -> str:
    people = "\n".join(
        f"  {p.name:<5} {p.does:<32} password {p.password:<28} TOTP secret {p.secret}" for p in site.logins(folder)
    )
    vera = next(p for p in site.logins(folder) if p.name == "vera")
    tour = TOUR.format(
        page=page, ssh=ssh, ca=authority, folder=folder, people=people, command=".venv/bin/sluicegate",
        anchor=folder / "left-the-box" / "checkpoints.txt", desktop=steps,
    )  # fmt: skip
    return f"Vera's TOTP secret for an authenticator app:\n{_qr(vera.uri)}{tour}"


def _qr(uri: str) -> str:
    drawn = qrcode.QRCode(border=1)
    drawn.add_data(uri)
    out = StringIO()
    drawn.print_ascii(out=out, invert=True)
    return out.getvalue()
