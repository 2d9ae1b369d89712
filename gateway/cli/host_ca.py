"""The line by which SSH clients believe the hosts that the gateway shows behind `ssh -J`."""

from __future__ import annotations

from typing import Annotated

import asyncssh
import typer

from gateway.cli.serve import Folder
from gateway.errors import Invalid
from gateway.keys import HOST_CA, host_ca_line


def host_ca(
    folder: Folder,
    hosts: Annotated[str, typer.Option(help="Patterns of target names that it is believed for.")] = "*",
) -> None:
    """Print the line for people's known_hosts, for `ssh -J`."""
    path = folder / "keys" / f"{HOST_CA}.pub"
    if not path.exists():
        raise Invalid(str(path), "no such file; has this gateway ever run?")
    typer.echo(host_ca_line(asyncssh.read_public_key(path), hosts))
