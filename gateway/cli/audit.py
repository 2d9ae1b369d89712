"""The audit log from the command line: take it out, verify it. Reads the folder's database; the gateway may run."""

from __future__ import annotations

import asyncio
import base64
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.audit import sql, verify
from gateway.audit.model import Entry
from gateway.cli.serve import Folder
from gateway.config import read
from gateway.errors import Invalid
from gateway.store.db import Store

app = typer.Typer(no_args_is_help=True, help="The audit log: export it, verify it.")
BATCH = 5000  # entries read at once


@app.command("verify")
def verify_log(
    folder: Folder,
    checkpoint: Annotated[list[Path] | None, typer.Option(help="File of checkpoints that left the box.")] = None,
) -> None:
    """Check every entry against the log's head, and against checkpoints kept outside."""
    entries, head = asyncio.run(_read(folder))
    lines = [entry.line for entry in entries]
    key = _public(folder / "keys" / "site.pub")
    outside = [note for path in checkpoint or [] for note in _notes(path)]
    findings = verify.verify(lines, head, outside, key) + [f for entry in entries for f in _differs(entry)]
    for finding in findings:
        typer.echo(finding)
    newest = max((note.size for note in outside), default=0)
    said = f"complete up to entry {newest} by a checkpoint from outside" if newest else "no checkpoint from outside"
    typer.echo(f"{len(lines)} entries, {len(findings)} findings; {said}; nothing can be said about later ones")
    if findings:
        raise typer.Exit(1)


@app.command()
def export(folder: Folder) -> None:
    """Print the log, one JSON object a line, exactly the octets that are hashed."""
    entries, _ = asyncio.run(_read(folder))
    for entry in entries:
        typer.echo(entry.line)


@app.command("verify-extract")
def verify_extract(
    extract: Annotated[Path, typer.Argument(help="What GET /audit/extract gave, - for standard input.")],
    key: Annotated[Path, typer.Option(help="The site's public key (site.pub), not from the extract.")],
    checkpoint: Annotated[list[Path] | None, typer.Option(help="File of checkpoints that left the box.")] = None,
) -> None:
    """Check entries that somebody took out of a log, without the log and without a gateway."""
    text = sys.stdin.read() if str(extract) == "-" else extract.read_text()
    outside = [note for path in checkpoint or [] for note in _notes(path)]
    count, findings = verify.verify_extract(text, outside, _public(key))
    for finding in findings:
        typer.echo(finding)
    typer.echo(f"{count} entries, {len(findings)} findings")
    if findings:
        raise typer.Exit(1)


def _public(path: Path) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(path.read_text().strip(), validate=True))
    except ValueError:
        raise Invalid(str(path), "holds no public key of a site") from None


def _notes(path: Path) -> list[verify.Note]:
    found = verify.notes(path.read_text())
    if not found:
        raise Invalid(str(path), "holds no checkpoint")
    return found


def _differs(entry: Entry) -> list[str]:
    """What the page searches by is a copy of what is hashed: somebody may have changed the copy alone."""
    try:
        values = entry.values()
        hashed = (values["event"], values["code"], values["actor"], datetime.fromisoformat(values["at"]))
    except (ValueError, KeyError, TypeError):
        return [f"entry {entry.index}: is no event"]
    same = hashed == (entry.name, entry.code, entry.actor, entry.at)
    return [] if same else [f"entry {entry.index}: its columns say something else than its line"]


async def _read(folder: Path) -> tuple[list[Entry], bytes]:
    """All entries and the head that the store has for them. One state: a writer may go on meanwhile."""
    settings, file = read(folder), folder / "sluicegate.db"
    if not settings.database and not file.exists():
        raise Invalid(str(file), "no such file; has this gateway ever run?")
    store = Store(settings.database or f"sqlite+aiosqlite:///{file}")
    try:
        async with store.read() as tx:
            tree = await sql.tree(tx)
            entries: list[Entry] = []
            while batch := await sql.read(tx, since=entries[-1].index + 1 if entries else 0, limit=BATCH):
                entries += batch
        return entries, tree.root()
    finally:
        await store.close()
