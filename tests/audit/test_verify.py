"""The audit log and its checkpoints against everybody who can write the database."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.log import sign
from gateway.audit.merkle import Tree, leaf, node
from gateway.audit.verify import notes, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()


def log(size: int) -> list[str]:
    return [json.dumps({"index": i, "event": "test"}) for i in range(size)]


def head(lines: list[str]) -> bytes:
    tree = Tree()
    for line in lines:
        tree.add(line.encode())
    return tree.root()


def note(lines: list[str], key: Ed25519PrivateKey = KEY) -> str:
    return sign("mill", key, len(lines), head(lines)).note


def reference(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962, section 2.1, writes it."""
    if len(leaves) == 1:
        return leaf(leaves[0])
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node(reference(leaves[:k]), reference(leaves[k:]))


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70))
def test_the_root_is_that_of_rfc_6962(leaves: list[bytes]) -> None:
    tree = Tree()
    for data in leaves:
        tree.add(data)
    assert tree.root() == reference(leaves)


def test_an_untouched_log_passes_with_every_checkpoint_that_left() -> None:
    lines = log(20)
    outside = notes("\n".join(note(lines[:n]) for n in (1, 7, 20)))
    assert len(outside) == 3
    assert verify(lines, head(lines), outside, PUBLIC) == []


@pytest.mark.parametrize("attack", ["flip", "delete", "swap", "insert"])
def test_a_changed_entry_is_found_without_any_checkpoint(attack: str) -> None:
    lines = log(20)
    before = head(lines)
    match attack:
        case "flip":
            lines[7] = lines[7].replace("test", "tesu")
        case "delete":
            del lines[7]
        case "swap":
            lines[7], lines[8] = lines[8], lines[7]
        case "insert":
            lines.insert(7, lines[6])
    assert verify(lines, before, [], PUBLIC)


def test_a_log_rewritten_with_its_head_is_found_only_by_a_checkpoint_from_outside() -> None:
    lines = log(20)
    left = note(lines[:15])
    lines[3] = lines[3].replace("test", "tesu")
    assert verify(lines, head(lines), [], PUBLIC) == []
    (finding,) = verify(lines, head(lines), notes(left), PUBLIC)
    assert "history rewritten" in finding


def test_a_log_rolled_back_is_found_by_a_checkpoint_from_outside() -> None:
    lines = log(20)
    left = note(lines)
    (finding,) = verify(lines[:10], head(lines[:10]), notes(left), PUBLIC)
    assert "rolled back" in finding


def test_a_checkpoint_by_another_key_is_named() -> None:
    lines = log(5)
    forged = note(lines, Ed25519PrivateKey.generate())
    (finding,) = verify(lines, head(lines), notes(forged), PUBLIC)
    assert "not signed by this site" in finding


@given(st.text(max_size=300))
def test_any_text_is_read_as_some_notes_or_none(text: str) -> None:
    assert len(notes(text)) <= len(text)


def test_a_note_is_a_c2sp_checkpoint() -> None:
    text = note(log(3))
    origin, size, root, empty, signature, _ = text.split("\n")
    assert (origin, size, empty) == ("mill", "3", "")
    assert len(base64.b64decode(root)) == 32
    assert signature.startswith("\u2014 mill ")
    assert len(base64.b64decode(signature.split(" ")[2])) == 4 + 64
