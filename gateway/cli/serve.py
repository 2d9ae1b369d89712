"""Make a gateway's folder, and run it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from gateway.app import opened, run_until_signal
from gateway.config import FILE, Settings, read
from gateway.errors import Invalid
from gateway.limits import SETUP_LIFE
from gateway.telemetry import log_to_stderr

Folder = Annotated[Path, typer.Argument(help="The gateway's folder: settings, keys, database, recordings.")]

TEMPLATE = """\
# Settings of this gateway. Three addresses of its own: people, administrators, and the plant.
site = {site}                                    # cannot change later: it names your audit log
names = [{host}]                                 # host names that people use
ssh = {{ host = {people}, port = 2222 }}
# rdp = {{ host = {people}, port = 3389 }}         # where RDP clients connect; without it there are no desktops
page = {{ host = {people}, port = 8443 }}
admin = {{ host = {admin}, port = 8443 }}
south = {south}                                  # where connections to targets come from
# recipients = ["age1..."]                         # auditors who can open recordings without this gateway
# replay_key = true                                # false: the page cannot replay, recipients can

[anchors]
minutes = 10
# file = "/mnt/other-machine/checkpoints.txt"      # where signed checkpoints of the audit log go; name at least one
# command = ["/usr/local/bin/send-checkpoint"]
# url = "https://witness.example/checkpoints"
"""


def init(
    folder: Folder,
    site: Annotated[str, typer.Option(help="Name of the site, e.g. mill.example.")],
    people: Annotated[str, typer.Option(help="Address that people connect to.")],
    admin: Annotated[str, typer.Option(help="Address of the admin API.")],
    south: Annotated[str, typer.Option(help="Address that connections to targets come from.")],
    host: Annotated[str, typer.Option(help="Host name that people use; without one, the address.")] = "",
) -> None:
    """Write the settings of a new gateway."""
    path = folder / FILE
    if path.exists():
        raise Invalid(str(path), "exists already")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = {"site": site, "people": people, "admin": admin, "south": south, "host": host or people}
    # A JSON string is a TOML string: whatever was given stays one value, and is refused as one.
    path.write_text(TEMPLATE.format(**{name: json.dumps(value) for name, value in words.items()}))
    try:
        read(folder)
    except Invalid:
        path.unlink()
        raise
    typer.echo(f"Wrote {path}. Look it over, then: sluicegate serve {folder}")


def serve(folder: Folder) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads the page's certificate anew."""
    log_to_stderr()
    asyncio.run(_serve(folder, read(folder)))


def release() -> None:
    """Print the release."""
    typer.echo(version("sluicegate"))


async def _serve(folder: Path, settings: Settings) -> None:
    async with opened(folder, settings) as gateway:
        token = await gateway.services.identity.setup_token()
        await run_until_signal(gateway, lambda: _first_steps(settings, token))


def _first_steps(settings: Settings, token: str | None) -> None:
    """How the first administrator is made, once the page answers; nothing where there is one."""
    if token is not None:
        hours = SETUP_LIFE // timedelta(hours=1)
        page = f"https://{settings.names[0]}:{settings.page.port}/#/setup"
        typer.echo(f"There is no administrator yet. Make the first one at {page}")
        typer.echo(f"within {hours} hours and before the next start, with this one-time setup token: {token}")
