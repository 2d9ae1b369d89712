"""The demonstration from the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.demo import run
from gateway.telemetry import log_to_stderr

app = typer.Typer(no_args_is_help=True, help="A small site to try everything on.")

Folder = Annotated[Path, typer.Option(help="Where the demonstration lives; nothing outside is touched.")]
HERE = Path(".demo")


@app.command()
def start(
    folder: Folder = HERE, ssh: int = 2222, page: int = 8443, rdp: int = 3390, target: int = 2022, desktop: int = 3391,
    drive: int = 8084,
) -> None:  # fmt: skip
    """Start the gateway, a target and a site with people, and print what to try."""
    log_to_stderr(plain=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(run.demonstrate(folder.resolve(), run.Ports(ssh, page, rdp, target, desktop, drive)))


@app.command()
def code(name: str, folder: Folder = HERE) -> None:
    """Print the current one-time code of a person of the demonstration."""
    found = run.code(folder, name)
    if found is None:
        typer.echo(f"nobody called {name} in {folder}; is the demonstration there?", err=True)
        raise typer.Exit(2)
    typer.echo(found[0])
    typer.echo(f"good for {found[1]} s more", err=True)
