"""The audit log: append in the transaction of the fact, tell subscribers once it is durable, sign its head.

Entries of a transaction are written together, at its end. The head is remembered from the last commit; the statement
that moves it says from where, and when another process has moved it meanwhile, it is read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import sql
from gateway.audit.hub import Hub
from gateway.audit.merkle import Tree
from gateway.audit.model import AuditEvent, Entry, canonical
from gateway.audit.proofs import Tiles
from gateway.clock import Clock, Instant
from gateway.errors import Conflict
from gateway.store.db import Tx


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head of the log (C2SP tlog-checkpoint): keep it outside, and history cannot be rewritten unseen."""

    size: int
    root: bytes
    note: str


@dataclass(slots=True)
class _Said:
    """What one transaction has said and not yet written."""

    head: Tree | None  # behind which it is written; None: to be read
    events: list[tuple[Instant, AuditEvent]] = field(default_factory=list)


class AuditLog:
    """INVARIANT: an entry commits with the fact that it reports, or neither does.

    One for a store, for it remembers where the log ends.
    """

    def __init__(self, clock: Clock, hub: Hub) -> None:
        self._clock, self.hub = clock, hub
        self._said: WeakKeyDictionary[Tx, _Said] = WeakKeyDictionary()
        self.tiles = Tiles()
        self._head: Tree | None = None  # as committed last, as far as this process knows

    async def append(self, tx: Tx, event: AuditEvent) -> None:
        """`event` is the next entry when `tx` commits; subscribers of the hub hear of it then."""
        if tx not in self._said:
            self._said[tx] = _Said(self._head)
            tx.before_commit(self._write)
        self._said[tx].events.append((self._clock.instant(), event))
        tx.after_commit(lambda: self.hub.publish(event))

    async def entry(self, tx: Tx, event: AuditEvent) -> Entry:
        """As `append`, written at once, for a fact that quotes its entry."""
        await self.append(tx, event)
        return (await self._write(tx))[-1]

    async def _write(self, tx: Tx) -> list[Entry]:
        """What `tx` has said since it was asked last."""
        said = self._said[tx]
        if not said.events:
            return []
        head = said.head or await sql.tree(tx)
        entries, tree = _grown(head, said.events)
        if not await sql.move(tx, head, tree):  # another process wrote meanwhile
            head = await sql.tree(tx)
            entries, tree = _grown(head, said.events)
            if not await sql.move(tx, head, tree):
                raise Conflict("the audit log has moved on")
        await sql.put(tx, entries)
        said.head, said.events = tree, []
        tx.after_commit(lambda: self._remember(tree))
        return entries

    def _remember(self, tree: Tree) -> None:
        self._head = tree

    async def checkpoint(self, tx: Tx, site: str, key: Ed25519PrivateKey) -> Checkpoint:
        """The head as it is now, signed with the site's key; `site` is the log's origin."""
        tree = await sql.tree(tx)
        return sign(site, key, tree.size, tree.root())


def _grown(head: Tree, events: Iterable[tuple[Instant, AuditEvent]]) -> tuple[list[Entry], Tree]:
    """Entries for `events` behind `head`, and the log with them."""
    entries, tree = list[Entry](), Tree(head.size, head.peaks)
    for at, event in events:
        line = canonical(tree.size, at, event)
        entries.append(Entry(tree.size, at.wall, event.name, event.code, event.actor, line))
        tree.add(line.encode())
    return entries, tree


def sign(origin: str, key: Ed25519PrivateKey, size: int, root: bytes) -> Checkpoint:
    """A C2SP signed note over a tlog-checkpoint: origin, size, root; then one Ed25519 signature line."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    public = key.public_key().public_bytes_raw()
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    signature = base64.b64encode(key_id + key.sign(text.encode())).decode()
    return Checkpoint(size, root, f"{text}\n\u2014 {origin} {signature}\n")
