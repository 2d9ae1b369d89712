"""What the recordings of a folder prove, by the stand-alone verifier and by what their replay shows."""

import base64
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import sql as audit_sql
from gateway.audit.log import sign
from gateway.config import read
from gateway.recording import verify
from gateway.recording.model import Kind
from gateway.recording.reader import Player
from gateway.sessions.model import Session, SessionState
from tests.e2e.process import Desk, run
from tests.e2e.waiting import eventually


async def ended(find: Callable[[], Awaitable[list[Session]]]) -> Session:
    """The newest session, once its row says that it is over: the row follows within a moment."""

    async def over() -> bool:
        return (await find())[0].state is SessionState.ENDED

    await eventually(over, "the end of the session")
    return (await find())[0]


async def verified(desk: Desk, away: Path, *recordings: Path) -> tuple[int, str]:
    """Exit status and report of verify.py, run as an auditor runs it: on copies, with a checkpoint of this moment."""
    away.mkdir(exist_ok=True)
    async with desk.store.read() as tx:
        tree = await audit_sql.tree(tx)
        lines = [entry.line for entry in await audit_sql.read(tx, limit=100_000)]
    key = Ed25519PrivateKey.from_private_bytes((desk.folder / "keys" / "site.key").read_bytes())
    (away / "checkpoint.txt").write_text(sign(read(desk.folder).site, key, tree.size, tree.root()).note)
    (away / "audit.jsonl").write_text("".join(line + "\n" for line in lines))
    (away / "site-key.txt").write_text(base64.b64encode(key.public_key().public_bytes_raw()).decode())
    files = [away / path.name for path in recordings]
    for copy, path in zip(files, recordings, strict=True):
        copy.write_bytes(path.read_bytes())
    status, out, err = await run(
        sys.executable, "-I", str(verify.__file__), "--site-key", str(away / "site-key.txt"),
        "--log", str(away / "audit.jsonl"), "--checkpoint", str(away / "checkpoint.txt"), *map(str, files),
    )  # fmt: skip
    return status, out + err


def output(folder: Path, recording: Path) -> bytes:
    """Everything that was recorded as shown to the person, standard error included."""
    identity = pyrage.x25519.Identity.from_str((folder / "keys" / "replay.age").read_text().strip())
    with Player.open(recording, identity) as player:
        return b"".join(r.payload for r in player.records() if r.kind in (Kind.OUTPUT, Kind.ERROR))
