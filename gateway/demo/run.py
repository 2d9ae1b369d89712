"""`make demo`: the gateway, the target and what to try, in one folder and one process."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pyotp
import qrcode

from gateway.app import opened, run_until_signal
from gateway.clock import SystemClock
from gateway.config import read
from gateway.demo import site, target

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

Leave with Ctrl-C. Everything is in {folder}; delete it to begin anew.
"""


async def demonstrate(folder: Path, ssh: int, page: int, port: int) -> None:
    """Start everything in `folder`, an absolute path, and run until Ctrl-C."""
    site.write_settings(folder, ssh, page)
    settings = read(folder)
    async with opened(folder, settings) as gateway:
        key = await site.make(gateway, site.TARGET_ADDRESS, port)
        async with await target.start(site.TARGET_ADDRESS, port, account=site.ACCOUNT, key=key, home=folder / "home"):
            tour = _tour(folder, settings.ssh.port, settings.page.port, gateway.keys.tls_ca)
            await run_until_signal(gateway, lambda: print(tour, flush=True))


def code(folder: Path, name: str) -> tuple[str, int] | None:
    """The current one-time code of a person of the demonstration and the seconds it lives; None for nobody."""
    for login in site.logins(folder):
        if login.name == name:
            now = SystemClock().now()
            return pyotp.TOTP(login.secret).at(now), 30 - int(now.timestamp()) % 30
    return None


def _tour(folder: Path, ssh: int, page: int, authority: Path) -> str:
    people = "\n".join(
        f"  {p.name:<5} {p.does:<32} password {p.password:<28} TOTP secret {p.secret}" for p in site.logins(folder)
    )
    vera = next(p for p in site.logins(folder) if p.name == "vera")
    tour = TOUR.format(
        page=page, ssh=ssh, ca=authority, folder=folder, people=people, command=".venv/bin/sluicegate",
        anchor=folder / "left-the-box" / "checkpoints.txt",
    )  # fmt: skip
    return f"Vera's TOTP secret for an authenticator app:\n{_qr(vera.uri)}{tour}"


def _qr(uri: str) -> str:
    drawn = qrcode.QRCode(border=1)
    drawn.add_data(uri)
    out = StringIO()
    drawn.print_ascii(out=out, invert=True)
    return out.getvalue()
