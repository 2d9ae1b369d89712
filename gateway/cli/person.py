"""Persons from the command line: only what no admin can do any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.app import opened
from gateway.cli.serve import Folder
from gateway.config import read
from gateway.limits import INVITATION_LIFE

app = typer.Typer(no_args_is_help=True, help="Persons, for the owner of the machine.")


@app.callback()
def _noun() -> None:
    """So that `invite` is named although it is the only one."""


@app.command()
def invite(folder: Folder, name: Annotated[str, typer.Argument(help="Login name of the person.")]) -> None:
    """Invite a person again when the last admin lost his factors. The gateway must be stopped.

    Every factor of the person is void at once; his roles stay. It is in the audit log, as done by the gateway.
    """
    link = asyncio.run(_invite(folder, name))
    hours = int(INVITATION_LIFE.total_seconds() // 3600)
    typer.echo(f"Start the gateway, then hand this one-time link over; it is good for {hours} hours:")
    typer.echo(link)


async def _invite(folder: Path, name: str) -> str:
    settings = read(folder)
    async with opened(folder, settings) as gateway:
        token = await gateway.services.identity.invite_from_console(name)
    return f"https://{settings.names[0]}:{settings.page.port}/#/enrol/{token}"
