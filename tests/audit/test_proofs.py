"""Inclusion proofs: an entry and its path lead to the root, and nothing else does."""

import asyncio
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import proofs, sql
from gateway.audit.events.runtime import CheckpointFailed, CheckpointLeft
from gateway.audit.log import AuditLog
from gateway.audit.merkle import Tree
from gateway.audit.proofs import root_of
from gateway.audit.search import Search, search
from gateway.audit.verify import notes, verify_extract
from gateway.store.db import Store, Tx

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key()


async def grown(store: Store, audit: AuditLog, size: int) -> None:
    async with store.write() as tx:
        for number in range(size):
            await audit.append(tx, CheckpointLeft(actor="gateway", way="file", size=number))


async def extract(store: Store, audit: AuditLog, numbers: list[int]) -> list[str]:
    """As the API gives it."""
    async with store.read() as tx:
        head = await audit.checkpoint(tx, "plant", KEY)
        every = await sql.read(tx, limit=10_000)
        paths = await audit.tiles.proofs(tx, numbers, head.size)
    lines = [json.dumps({"checkpoint": head.note})]
    for number, path in zip(numbers, paths, strict=True):
        proven = {"index": number, "line": every[number].line, "path": [p.hex() for p in path]}
        lines.append(json.dumps(proven))
    return lines


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33])
async def test_every_entry_of_a_log_of_any_size_is_proven_and_no_other_is(
    store: Store, audit: AuditLog, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "TILE", 4)
    await grown(store, audit, size)
    async with store.read() as tx:
        root, every = (await sql.tree(tx)).root(), await sql.read(tx)
        paths = await audit.tiles.proofs(tx, range(size), size)
    for number, path in enumerate(paths):
        line = every[number].line.encode()
        assert root_of(number, size, line, path) == root
        assert root_of(number, size, line + b" ", path) != root
        assert root_of(number, size, line, [*path, bytes(32)]) != root
        assert not path or root_of(number, size, line, path[:-1]) != root
        assert size == 1 or root_of((number + 1) % size, size, line, path) != root
    assert root_of(size, size, b"", []) is None
    assert root_of(-1, size, b"", []) is None


async def test_whole_tiles_are_remembered_and_a_log_that_grew_is_proven_from_there(
    store: Store, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "TILE", 4)
    for size in (6, 13, 24):
        async with store.read() as tx:
            before = (await sql.tree(tx)).size
        await grown(store, audit, size - before)
        assert verify_extract("\n".join(await extract(store, audit, [0, 3, 5])), [], PUBLIC) == (3, [])
    assert len(audit.tiles._roots) == 6


async def test_two_who_ask_for_proofs_at_the_same_time_remember_each_tile_once(
    store: Store, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "TILE", 4)
    await grown(store, audit, 24)
    both, lines = asyncio.Barrier(2), sql.lines

    async def together(tx: Tx, first: int, end: int) -> list[str]:
        found = await lines(tx, first, end)
        if first == 0:
            await both.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(sql, "lines", together)
        extracts = await asyncio.gather(*(extract(store, audit, [5, 23]) for _ in range(2)))
    for some in (*extracts, await extract(store, audit, [0, 5, 23])):
        assert verify_extract("\n".join(some), [], PUBLIC)[1] == []
    assert len(audit.tiles._roots) == 6


async def test_the_peaks_of_the_store_and_the_paths_agree_with_a_tree_made_anew(store: Store, audit: AuditLog) -> None:
    await grown(store, audit, 21)
    tree = Tree()
    async with store.read() as tx:
        for entry in await sql.read(tx):
            tree.add(entry.line.encode())
        paths = await audit.tiles.proofs(tx, [20], 21)
        last = (await sql.read(tx))[20].line.encode()
    assert root_of(20, 21, last, paths[0]) == tree.root()


async def test_an_extract_that_was_touched_is_found_out(store: Store, audit: AuditLog) -> None:
    await grown(store, audit, 9)
    lines = await extract(store, audit, [2, 5, 8])
    assert verify_extract("\n".join(lines), [], PUBLIC) == (3, [])
    touched = [
        [lines[0], lines[1].replace("file", "fil3"), *lines[2:]],
        [lines[0], lines[2], lines[1], lines[3]],
        [lines[0], lines[1], lines[1]],
        [lines[0].replace("\\n9\\n", "\\n8\\n"), *lines[1:]],
        [lines[0], "{}"],
        [lines[0], "nonsense"],
        lines[1:],
        [""],
    ]
    for wrong in touched:
        assert verify_extract("\n".join(wrong), [], PUBLIC)[1], wrong
    stranger = Ed25519PrivateKey.from_private_bytes(b"1" * 32).public_key()
    assert verify_extract("\n".join(lines), [], stranger)[1] == ["the checkpoint is not signed by this site"]


async def test_an_end_of_line_in_somebody_s_text_parts_no_entry_of_an_extract(store: Store, audit: AuditLog) -> None:
    async with store.write() as tx:
        await audit.append(tx, CheckpointFailed(actor="gateway", way="file", why="one\u2028two\u2029three\u0085four"))
    lines = await extract(store, audit, [0])
    plain = [json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in lines]
    assert "\u2028" in plain[1], "as the API writes it"
    assert verify_extract("".join(plain), [], PUBLIC) == (1, [])


async def test_a_log_that_was_written_anew_by_the_holder_of_the_key_does_not_fit_the_checkpoint_outside(
    store: Store, audit: AuditLog
) -> None:
    await grown(store, audit, 3)
    async with store.read() as tx:
        outside = notes((await audit.checkpoint(tx, "plant", KEY)).note)
    async with store.write() as tx:
        changed = sql.entries.c.line.label("line")
        await tx.execute(sql.entries.update().where(sql.entries.c.number == 1).values(line=changed + " "))
        tree = Tree()
        for entry in await sql.read(tx):
            tree.add(entry.line.encode())
        await tx.execute(sql.heads.update().values(peaks=b"".join(tree.peaks)))
    lines = await extract(store, audit, [0])
    assert verify_extract("\n".join(lines), [], PUBLIC)[1] == []
    assert "history rewritten" in verify_extract("\n".join(lines), outside, PUBLIC)[1][0]


async def test_a_search_looks_at_so_many_entries_and_says_where_to_go_on(
    store: Store, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.search.AUDIT_LOOKED_AT", 5)
    await grown(store, audit, 12)
    async with store.read() as tx:
        assert await search(tx, Search(text='"SIZE":11,'), 0, 10) == ([], 5)
        assert await search(tx, Search(text='"SIZE":11,'), 5, 10) == ([], 10)
        found, more = await search(tx, Search(text='"SIZE":11,'), 10, 10)
        assert ([e.index for e in found], more) == ([11], None)
        found, more = await search(tx, Search(name="audit."), 0, 3)
        assert ([e.index for e in found], more) == ([0, 1, 2], 3)
        found, more = await search(tx, Search(name="audit.checkpoint.left"), 9, 3)
        assert ([e.index for e in found], more) == ([9, 10, 11], None)
        assert await search(tx, Search(name="access."), 0, 3) == ([], None)
        later = Search(after=found[0].at + timedelta(seconds=1))
        assert await search(tx, later, 0, 3) == ([], None)
        assert len((await search(tx, Search(before=later.after, text="%"), 0, 20))[0]) == 0


async def test_text_that_is_no_ascii_is_found_as_it_stands_there(store: Store, audit: AuditLog) -> None:
    async with store.write() as tx:
        await audit.append(tx, CheckpointFailed(actor="gateway", way="file", why="Übertragung nach ÖBB abgebrochen"))
    async with store.read() as tx:
        for text in ("Übertragung", "ÜBERTRAGUNG", "nach ÖBB", "NACH Ö"):
            assert len((await search(tx, Search(text=text), 0, 10))[0]) == 1, text
        assert await search(tx, Search(text="UBERTRAGUNG"), 0, 10) == ([], None)


async def test_a_field_is_looked_for_with_exactly_its_value(store: Store, audit: AuditLog) -> None:
    async with store.write() as tx:
        for why in ("/srv/A", "/srv/a", "/srv/a%", "no /srv/a"):
            await audit.append(tx, CheckpointFailed(actor="gateway", way="file", why=why))
    async with store.read() as tx:
        for number, why in enumerate(("/srv/A", "/srv/a", "/srv/a%")):
            found, _ = await search(tx, Search(fields=(("why", why), ("way", "file"))), 0, 10)
            assert [e.index for e in found] == [number]
        assert await search(tx, Search(fields=(("why", "/srv"),)), 0, 10) == ([], None)
