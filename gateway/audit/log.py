"""The audit log: append in the transaction of the fact, tell subscribers once it is durable, sign its head."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import sql
from gateway.audit.hub import Hub
from gateway.audit.model import AuditEvent, Entry, canonical
from gateway.clock import Clock
from gateway.store.db import Tx


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head of the log (C2SP tlog-checkpoint): keep it outside, and history cannot be rewritten unseen."""

    size: int
    root: bytes
    note: str


class AuditLog:
    """INVARIANT: an entry commits with the fact that it reports, or neither does."""

    def __init__(self, clock: Clock, hub: Hub) -> None:
        self._clock, self.hub = clock, hub

    async def append(self, tx: Tx, event: AuditEvent) -> Entry:
        """Write `event` as the next entry; subscribers of the hub hear of it after the commit."""
        at = self._clock.instant()
        tree = await sql.tree(tx)
        entry = Entry(tree.size, at.wall, event.name, event.code, event.actor, canonical(tree.size, at, event))
        tree.add(entry.line.encode())
        await sql.put(tx, entry, tree)
        tx.after_commit(lambda: self.hub.publish(event))
        return entry

    async def checkpoint(self, tx: Tx, site: str, key: Ed25519PrivateKey) -> Checkpoint:
        """The head as it is now, signed with the site's key; `site` is the log's origin."""
        tree = await sql.tree(tx)
        return sign(site, key, tree.size, tree.root())


def sign(origin: str, key: Ed25519PrivateKey, size: int, root: bytes) -> Checkpoint:
    """A C2SP signed note over a tlog-checkpoint: origin, size, root; then one Ed25519 signature line."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    public = key.public_key().public_bytes_raw()
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    signature = base64.b64encode(key_id + key.sign(text.encode())).decode()
    return Checkpoint(size, root, f"{text}\n\u2014 {origin} {signature}\n")
