"""Held uploads on disk: what is read is what was written, and nobody reads it there."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.envelope import Envelope, SealBroken
from gateway.errors import Refused
from gateway.ids import FileId
from gateway.sessions import spool as module
from gateway.sessions.spool import CHUNK, HEAD, SLOT, Spool, Spools

ID = FileId("fil_1")
places = st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]) | st.integers(0, 4 * CHUNK)
moves = st.lists(
    st.tuples(st.just("write"), places, st.binary(min_size=1, max_size=200).map(lambda b: b * 400))
    | st.tuples(st.just("truncate"), places, st.just(b"")),
    max_size=8,
)


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(tmp_path / "held", Envelope(bytes(32)))


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "held" / "fil_1.held"


@settings(deadline=None, max_examples=60)
@given(moves)
async def test_what_is_read_is_what_was_written_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int, bytes]]
) -> None:
    home = Spools(tmp_path_factory.mktemp("spool") / "held", Envelope(bytes(32)))
    spool, model = home.create(ID), bytearray()
    for what, at, data in moves:
        if what == "write":
            model.extend(bytes(max(0, at - len(model))))
            model[at : at + len(data)] = data
            spool.write(at, data)
        else:
            del model[at:]
            model.extend(bytes(at - len(model)))
            spool.truncate(at)
        assert spool.size == len(model)
    digest = await spool.keep()
    spool.close()
    again = home.open(ID, len(model))
    assert again.digest() == digest
    assert again.read(0, len(model) + 10) == bytes(model)
    again.remove()
    assert home.octets == 0
    assert home.kept() == []


async def test_what_is_kept_survives_a_power_cut_with_its_name(
    spools: Spools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = list[str](), os.fsync

    def noted(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    spool = spools.create(ID)
    spool.write(0, b"x")
    await spool.keep()
    spool.close()
    assert synced == [str(file_of(tmp_path)), str(tmp_path / "held")]


async def test_nothing_of_it_can_be_read_on_the_disk(spools: Spools, tmp_path: Path) -> None:
    spool = spools.create(ID)
    spool.write(0, b"FIRMWARE" * 20_000)
    await spool.keep()
    spool.close()
    assert b"FIRMWARE" not in file_of(tmp_path).read_bytes()
    assert file_of(tmp_path).stat().st_mode & 0o077 == 0
    with pytest.raises(SealBroken):
        Spools(tmp_path / "held", Envelope(b"x" * 32)).open(ID, 8)


@pytest.mark.parametrize("at", [5, HEAD + 20, HEAD + SLOT + 20])
async def test_a_change_on_the_disk_is_noticed(spools: Spools, tmp_path: Path, at: int) -> None:
    """Attack: the file is exchanged between the owner's yes and its delivery."""
    spool = spools.create(ID)
    spool.write(0, b"good" * CHUNK)
    await spool.keep()
    spool.close()
    octets = bytearray(file_of(tmp_path).read_bytes())
    octets[at] ^= 1
    file_of(tmp_path).write_bytes(octets)
    with pytest.raises(SealBroken):
        read_all(spools)


async def test_chunks_that_change_places_or_files_do_not_open(spools: Spools, tmp_path: Path) -> None:
    spool = spools.create(ID)
    spool.write(0, b"a" * CHUNK + b"b" * CHUNK)
    await spool.keep()
    spool.close()
    octets = file_of(tmp_path).read_bytes()
    first, second = octets[HEAD : HEAD + SLOT], octets[HEAD + SLOT : HEAD + 2 * SLOT]
    file_of(tmp_path).write_bytes(octets[:HEAD] + second + first)
    with pytest.raises(SealBroken):
        read_all(spools)
    file_of(tmp_path).rename(tmp_path / "held" / "fil_2.held")
    with pytest.raises(SealBroken):
        spools.open(FileId("fil_2"), 8)


async def test_a_chunk_that_is_taken_away_reads_as_zeros_and_the_digest_says_so(spools: Spools, tmp_path: Path) -> None:
    spool = spools.create(ID)
    spool.write(0, b"a" * CHUNK + b"b" * CHUNK)
    digest = await spool.keep()
    spool.close()
    octets = file_of(tmp_path).read_bytes()
    file_of(tmp_path).write_bytes(octets[: HEAD + SLOT])
    again = spools.open(ID, 2 * CHUNK)
    assert again.digest() != digest
    again.close()


def read_all(spools: Spools) -> None:
    spool: Spool | None = None
    try:
        spool = spools.open(ID, 4 * CHUNK)
        spool.digest()
    finally:
        if spool is not None:
            spool.close()


def test_more_than_there_is_room_for_is_refused_and_leaves_room_when_it_goes(
    spools: Spools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: held files that nobody decides about fill the gateway's disk."""
    monkeypatch.setattr(module, "HELD_OCTETS", HEAD + 2 * SLOT)
    spool = spools.create(ID)
    spool.write(0, b"x" * 2 * CHUNK)
    with pytest.raises(Refused) as refused:
        spool.write(2 * CHUNK, b"x" * 2 * CHUNK)
    assert refused.value.code == "no_room"
    spool.remove()
    assert spools.octets == 0
    spools.create(FileId("fil_2")).remove()


def test_who_finds_no_room_at_all_leaves_nothing_open_and_nothing_behind(
    spools: Spools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: uploads by the thousand to a gateway that is full, until it can open nothing more."""
    monkeypatch.setattr(module, "HELD_OCTETS", HEAD - 1)
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(Refused, match="no room"):
            spools.create(ID)
    assert set(os.listdir("/proc/self/fd")) == before
    assert list((tmp_path / "held").iterdir()) == []


def test_what_a_full_disk_took_in_part_is_counted(
    spools: Spools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, pwrite = spools.create(ID), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, octets, at: pwrite(fd, octets[:100], at))
    with pytest.raises(Refused, match="no room"):
        spool.write(0, b"x" * 2 * CHUNK)
    assert spools.octets == file_of(tmp_path).stat().st_size > HEAD
    spool.remove()
    assert spools.octets == 0


def test_a_file_longer_than_any_is_refused_without_filling_the_disk(spools: Spools) -> None:
    """Attack: one octet at the far end of nothing."""
    spool = spools.create(ID)
    for call in (lambda: spool.write(1 << 62, b"x"), lambda: spool.truncate(1 << 62)):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "held_long"
    spool.write(1 << 30, b"x")
    assert spool.read((1 << 30) - 1, 10) == b"\0x"
    spool.remove()


def test_what_a_dead_process_left_is_counted(spools: Spools, tmp_path: Path) -> None:
    spool = spools.create(ID)
    spool.write(0, b"x" * 3 * CHUNK)
    spool.close()
    found = Spools(tmp_path / "held", Envelope(bytes(32)))
    assert found.octets == file_of(tmp_path).stat().st_size > 2 * CHUNK
    assert found.kept() == [ID]
