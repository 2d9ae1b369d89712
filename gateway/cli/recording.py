"""Recordings from the command line, without a gateway: verify, and read with an age identity of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import pyrage
import typer

from gateway.errors import Invalid
from gateway.recording import verify
from gateway.recording.asciicast import asciicast
from gateway.recording.reader import Player
from gateway.recording.text import text

app = typer.Typer(no_args_is_help=True, help="Recordings: verify them, read them with an identity of your own.")

File = Annotated[Path, typer.Argument(help="recording.slg")]
Identity = Annotated[Path, typer.Option(help="File with your age identity (AGE-SECRET-KEY-…).")]


@app.command("verify", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def verify_files(context: typer.Context) -> None:
    """The same as the stand-alone verify.py; `--help` after `--` shows its options."""
    raise typer.Exit(verify.main(context.args))


@app.command("text")
def as_text(recording: File, identity: Identity) -> None:
    """Print what was on the screen, as plain text."""
    with Player.open(recording, _identity(identity)) as player:
        for line in text(player.header.about, player.records()):
            sys.stdout.write(line)


@app.command("asciicast")
def as_asciicast(recording: File, identity: Identity, stream: int = 1) -> None:
    """Print one stream as asciicast v2."""
    with Player.open(recording, _identity(identity)) as player:
        for line in asciicast(player.header.about, player.records(), stream):
            sys.stdout.write(line)


def _identity(path: Path) -> pyrage.x25519.Identity:
    for line in path.read_text().splitlines():
        if line.startswith("AGE-SECRET-KEY-"):
            try:
                return pyrage.x25519.Identity.from_str(line.strip())
            except pyrage.IdentityError:
                break
    raise Invalid(str(path), "holds no age identity")
