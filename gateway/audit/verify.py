"""Checks an audit log against its own head and against checkpoints that left the box. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.audit.merkle import Tree
from gateway.audit.proofs import root_of


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint as it was found outside: C2SP tlog-checkpoint with its signature lines."""

    text: str
    size: int
    root: bytes
    signatures: tuple[bytes, ...]


def notes(text: str) -> list[Note]:
    """Every note in `text`; what cannot be read as one is left out and so fails the count the caller expects."""
    found: list[Note] = []
    lines = text.split("\n")
    for i in range(len(lines) - 4):
        if not lines[i + 3] and lines[i + 4].startswith("\u2014 ") and lines[i + 1].isdecimal():
            try:
                root = base64.b64decode(lines[i + 2], validate=True)
                signature = base64.b64decode(lines[i + 4].rpartition(" ")[2], validate=True)[4:]
            except binascii.Error:
                continue
            found.append(Note("\n".join(lines[i : i + 3]) + "\n", int(lines[i + 1]), root, (signature,)))
    return found


def verify(lines: Sequence[str], head: bytes, outside: Iterable[Note], key: Ed25519PublicKey) -> list[str]:
    """What is wrong with the log; empty when every check held.

    Args:
        lines: all entries, oldest first.
        head: root that the store has for them.
        outside: checkpoints that left the box.
    """
    findings: list[str] = []
    sizes = sorted(outside, key=lambda note: note.size)
    tree = Tree()
    for number, line in enumerate(lines):
        sizes = _at(sizes, tree, key, findings)
        if _index(line) != number:
            findings.append(f"entry {number}: its own index says {_index(line)}")
        tree.add(line.encode())
    sizes = _at(sizes, tree, key, findings)
    findings += [f"rolled back: a checkpoint saw {n.size} entries, the log has {len(lines)}" for n in sizes]
    if tree.root() != head:
        findings.append("the entries are not those that the head was made of")
    return findings


def verify_extract(text: str, outside: Iterable[Note], key: Ed25519PublicKey) -> tuple[int, list[str]]:
    """How many entries an extract (JSON lines) has, and what is wrong with it.

    Args:
        outside: checkpoints that left the box: the extract's own must be one of them, or nothing is known but that the
            site signed it.
        key: of the site, from somewhere else than the extract.
    """
    first, *rest = text.removesuffix("\n").split("\n")  # a person's text may have other ends of lines in it
    heads = notes(str(_object(first).get("checkpoint", "")))
    if len(heads) != 1:
        return 0, ["the first line has no checkpoint"]
    (head,) = heads
    findings = [] if _signed(head, key) else ["the checkpoint is not signed by this site"]
    findings += [
        f"history rewritten: the checkpoint of {head.size} entries is not the one that left the box"
        for note in outside
        if note.size == head.size and note.root != head.root
    ]
    before = -1
    for number, line in enumerate(rest, 2):
        proven = _object(line)
        index, entry = proven.get("index"), proven.get("line")
        if not isinstance(index, int) or not isinstance(entry, str) or _index(entry) != index or index <= before:
            findings.append(f"line {number}: is no entry, or not behind the one before")
            continue
        before = index
        if root_of(index, head.size, entry.encode(), _path(proven.get("path"))) != head.root:
            findings.append(f"entry {index}: is not in the log that the checkpoint was made of")
    return len(rest), findings


def _path(value: object) -> list[bytes]:
    try:
        return [bytes.fromhex(sibling) for sibling in value] if isinstance(value, list) else []
    except (TypeError, ValueError):
        return []


def _object(line: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _at(sizes: list[Note], tree: Tree, key: Ed25519PublicKey, findings: list[str]) -> list[Note]:
    """Check the notes that speak of the log as long as it is now; returns the others."""
    while sizes and sizes[0].size == tree.size:
        note = sizes.pop(0)
        if not _signed(note, key):
            findings.append(f"checkpoint of {note.size} entries: not signed by this site")
        elif note.root != tree.root():
            findings.append(f"history rewritten: the first {note.size} entries are not those that left the box")
    return sizes


def _signed(note: Note, key: Ed25519PublicKey) -> bool:
    for signature in note.signatures:
        try:
            key.verify(signature, note.text.encode())
        except InvalidSignature:
            continue
        return True
    return False


def _index(line: str) -> int:
    try:
        return int(json.loads(line)["index"])
    except (ValueError, KeyError, TypeError):
        return -1
