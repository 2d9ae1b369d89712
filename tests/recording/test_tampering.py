"""The tampering set (security.md, section 5; abuse case 78): each attack is found and the place is named.

The verifier gets only the files, the log and a checkpoint that left the box before the attack.
"""

import asyncio
import json
import random  # noqa: TID251 - seeded, so that a failure comes again
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import sql as audit_sql
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog, sign
from gateway.audit.merkle import Tree
from gateway.recording import verify
from gateway.recording.format import HEAD, LINK, MAGIC, SIGNATURE, Header, b64, digest, to_be_signed
from gateway.recording.frames import Walk
from gateway.recording.service import Recordings
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.recording.conftest import Keys
from tests.recording.test_service import closed, opened
from tests.sim.clock import SimulatedClock


@dataclass
class Site:
    """What an outsider was given: all recordings, the log, and an anchor that left in time."""

    folder: Path
    keys: Keys
    out: str = ""

    @property
    def log(self) -> Path:
        return self.folder / "audit.jsonl"

    @property
    def files(self) -> list[Path]:
        return sorted((self.folder / "recordings").glob("*.slg"))

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def judge(self, *more: str, capsys: pytest.CaptureFixture[str]) -> int:
        key = b64(self.keys.signing.public_key().public_bytes_raw())
        arguments = ["--site-key", key, "--log", str(self.log), "--checkpoint", str(self.folder / "anchor"), *more]
        status = verify.main([*arguments, str(self.folder / "recordings")])
        self.out = capsys.readouterr().out
        return status

    def alone(self, path: Path) -> verify.Result:
        return verify.check_file(path, [self.keys.signing.public_key()])

    def anchor(self, name: str = "anchor", key: Ed25519PrivateKey | None = None) -> None:
        tree = Tree()
        for line in self.lines:
            tree.add(line.encode())
        note = sign("plant", key or self.keys.signing, tree.size, tree.root()).note
        (self.folder / name).write_text(note)


async def make(folder: Path, keys: Keys) -> None:
    """Three sessions of a site, with their log."""
    clock, store = SimulatedClock(), Store(f"sqlite+aiosqlite:///{folder}/site.db")
    async with store.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    recordings = Recordings(store, AuditLog(clock, Hub()), clock, keys, [], folder / "recordings", "plant")
    for name in ("ses_a", "ses_b", "ses_c"):
        recorder = await opened(recordings, store, name)
        tape = recorder.open_tape({"kind": "shell"}, (80, 24))
        for n in range(12):
            tape.output(f"{name} line {n}\r\n".encode())
            clock.advance(seconds=4)
            await recordings.tick()
            if n == 7:
                await recordings.heads()
        tape.close(0)
        await closed(recordings, store, recorder)
    async with store.read() as tx:
        lines = [e.line for e in await audit_sql.read(tx)]
    (folder / "audit.jsonl").write_text("\n".join(lines) + "\n")
    await store.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Path:
    folder = tmp_path_factory.mktemp("site")
    asyncio.run(make(folder, keys))
    return folder


@pytest.fixture
def site(made: Path, keys: Keys, tmp_path: Path) -> Site:
    """A copy of it that the test may spoil."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    site = Site(tmp_path, keys)
    site.anchor()
    return site


def frames(path: Path) -> list[bytes]:
    """The frames of a file as octets."""
    data = path.read_bytes()
    with path.open("rb") as file:
        return [data[f.offset : f.end] for f in Walk(file)]


def put(path: Path, parts: list[bytes]) -> None:
    path.write_bytes(MAGIC + b"".join(parts))


def relinked(parts: list[bytes]) -> list[bytes]:
    """The same frames with all links redone: what somebody without any key can do."""
    h, out = digest(b"", b"", MAGIC), []
    for part in parts:
        head, body = part[: HEAD.size], part[HEAD.size : -LINK]
        h = digest(h, head, body)
        out.append(head + body + h[:LINK])
    return out


def test_an_untouched_site_verifies(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.judge(capsys=capsys) == 0, site.out
    assert "Complete up to checkpoint" in site.out
    assert "nothing can be said about later" in site.out
    assert "UNCLEAN" not in site.out


def test_two_hundred_random_bit_flips_are_each_found_and_named(site: Site) -> None:
    dice, path = random.Random(78), site.files[1]
    good = path.read_bytes()
    with path.open("rb") as file:
        ends = [f.end for f in Walk(file)]
    for _ in range(200):
        place, bit = dice.randrange(len(good)), 1 << dice.randrange(8)
        path.write_bytes(good[:place] + bytes([good[place] ^ bit]) + good[place + 1 :])
        result = site.alone(path)
        frame = 0 if place < len(MAGIC) else sum(end <= place for end in ends)
        assert result.findings
        assert result.findings[0].startswith(f"frame {frame} at offset"), (place, result.findings)


def test_a_cut_at_each_frame_boundary_and_within_each_frame_is_found(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    path, good, parts = site.files[0], site.files[0].read_bytes(), frames(site.files[0])
    for n in range(len(parts)):
        put(path, parts[:n])
        assert site.alone(path).findings, n
        assert site.judge(capsys=capsys) == 1, n
        assert (f"frame {n}: cut here" in site.out) if n else ("frame 0 at offset" in site.out), site.out
        put(path, [*parts[:n], parts[n][: len(parts[n]) // 2]])
        assert any(f.startswith(f"frame {n} at offset") for f in site.alone(path).findings) or n == 0
        assert site.alone(path).findings
    path.write_bytes(good)


def _delete(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*p[:4], *p[5:]]


def _reorder(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*p[:4], p[5], p[4], *p[6:]]


def _swap(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*p[:4], other[4], *p[5:]]


def _duplicate(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*p[:5], *p[4:]]


def _append(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*p, other[4]]


def _delete_segment(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*p[:1], *p[6:]]


def _exchange_header(p: list[bytes], other: list[bytes]) -> list[bytes]:
    return [other[0], *p[1:]]


@pytest.mark.parametrize("links", ["as they were", "redone"])
@pytest.mark.parametrize(
    "attack",
    [_delete, _reorder, _swap, _duplicate, _append, _delete_segment, _exchange_header],
    ids=lambda a: a.__name__,
)
def test_frames_moved_about_are_found(
    attack: Callable[[list[bytes], list[bytes]], list[bytes]], links: str, site: Site
) -> None:
    path, other = site.files[0], site.files[1]
    parts = attack(frames(path), frames(other))
    put(path, relinked(parts) if links == "redone" else parts)
    (first, *_) = site.alone(path).findings
    assert first.startswith("frame ")


def test_a_header_that_names_somebody_else_is_found(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path, parts = site.files[0], frames(site.files[0])
    body = parts[0][HEAD.size : -LINK].replace(b'"vera"', b'"adam"')
    put(path, relinked([parts[0][: HEAD.size] + body + bytes(LINK), *parts[1:]]))
    assert site.judge(capsys=capsys) == 1
    assert "header is not signed by the site" in site.out
    assert "session ses_a" in site.out


def test_a_deleted_recording_is_named(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.files[1].unlink()
    assert site.judge(capsys=capsys) == 1
    assert "recording 2 (session ses_b) is in the log and missing" in site.out


def test_one_recording_under_two_names_is_named(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(site.files[0], site.files[0].with_name("00000009-copy.slg"))
    assert site.judge(capsys=capsys) == 1
    assert "recording 1 is also" in site.out


def test_recordings_exchanged_whole_are_named(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that the site made, valid in itself, under the number of another."""
    path = site.files[0]
    with path.open("rb") as file:
        header = Header.decode(next(iter(Walk(file))).body)
    body = json.loads(frames(path)[0][HEAD.size + SIGNATURE : -LINK])
    body["seq"] = 3
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    signed = site.keys.signing.sign(to_be_signed(ord("H"), text)) + text
    frame = HEAD.pack(len(signed), ord("H")) + signed
    put(site.files[2], relinked([frame + bytes(LINK)]))
    assert header.about.seq == 1
    assert site.judge(capsys=capsys) == 1
    assert "recording 3" in site.out


def test_a_log_rolled_back_is_found_only_by_what_left_the_box(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.log.write_text("\n".join(site.lines[:5]) + "\n")
    assert site.judge(capsys=capsys) == 1
    assert "rolled back: 5 entries" in site.out


def test_a_rewritten_log_is_found_though_it_is_signed_anew(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The site's current key was stolen; everything is signed again, but the anchor had left."""
    lines = site.lines
    entry = json.loads(lines[0])
    entry["person"] = "somebody"
    lines[0] = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    site.log.write_text("\n".join(lines) + "\n")
    site.anchor("forged")
    assert site.judge("--checkpoint", str(site.folder / "forged"), capsys=capsys) == 1
    assert "history rewritten" in site.out


def test_two_histories_of_one_length_are_found(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    lines = site.lines
    lines[-1] = lines[-1].replace("ses_c", "ses_d")
    site.log.write_text("\n".join(lines) + "\n")
    assert site.judge(capsys=capsys) == 1
    assert f"history rewritten: its first {len(lines)} entries" in site.out


def test_a_missing_number_in_the_log_is_found_without_any_anchor_at_the_place(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody with the site key left a session out before the first checkpoint."""
    kept = [line for line in site.lines if '"seq":2' not in line]
    for index, line in enumerate(kept):
        entry = json.loads(line)
        entry["index"] = index
        kept[index] = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    site.log.write_text("\n".join(kept) + "\n")
    site.anchor()
    site.files[1].unlink()
    assert site.judge(capsys=capsys) == 1
    assert "opens recording 3, expected 2: one is missing" in site.out


def test_every_note_of_a_file_that_grew_is_an_anchor(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    whole, notes = site.log.read_text(), []
    for size in (3, 7):
        site.log.write_text("\n".join(whole.splitlines()[:size]) + "\n")
        site.anchor()
        notes.append((site.folder / "anchor").read_text())
    site.log.write_text(whole)
    (site.folder / "anchor").write_text("\n".join(notes) + "\n")
    assert site.judge(capsys=capsys) == 0, site.out
    assert "Complete up to checkpoint 7 of " in site.out
    site.log.write_text(whole.replace("ses_b", "ses_x"))
    assert site.judge(capsys=capsys) == 1
    assert "history rewritten: its first 7 entries" in site.out


def test_an_anchor_of_another_site_is_not_one(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.anchor(key=Ed25519PrivateKey.generate())
    assert site.judge(capsys=capsys) == 1
    assert "not a checkpoint of this site" in site.out


def test_a_site_that_changed_its_key_verifies_with_both(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    new = Ed25519PrivateKey.generate()
    site.anchor("new", new)
    more = ["--site-key", b64(new.public_key().public_bytes_raw()), "--checkpoint", str(site.folder / "new")]
    assert site.judge(*more, capsys=capsys) == 0, site.out


def test_entries_after_the_last_anchor_are_said_to_be_unproven(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    lines, whole = site.lines, site.log.read_text()
    site.log.write_text("\n".join(lines[:7]) + "\n")
    site.anchor()
    site.log.write_text(whole)
    assert site.judge(capsys=capsys) == 0
    assert f"NOTE {len(lines) - 7} entries of the log are later" in site.out
    assert "Complete up to checkpoint 7 of " in site.out


def test_three_hundred_verifications_of_what_nobody_touched_give_no_alarm(site: Site) -> None:
    for _ in range(100):
        for path in site.files:
            assert site.alone(path).findings == []


@pytest.mark.parametrize("what", ["recording", "log", "anchor"])
def test_the_verifier_answers_to_any_octets(what: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Fuzz: garbage, mutations and cuts; never a traceback, never a pass for what changed."""
    dice = random.Random(what)
    path = {"recording": site.files[0], "log": site.log, "anchor": site.folder / "anchor"}[what]
    good = path.read_bytes()
    for _ in range(150):
        octets = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(octets))
            match dice.randrange(4):
                case 0:
                    octets[at : at + dice.randrange(1, 40)] = dice.randbytes(dice.randrange(60))
                case 1:
                    octets[at : at + 4] = b"\xff\xff\xff\xff"
                case 2:
                    del octets[at:]
                    octets += b"x"
                case _:
                    octets = bytearray(dice.randbytes(dice.randrange(1, 3000)))
        if bytes(octets) == good:
            continue
        path.write_bytes(octets)
        assert site.judge(capsys=capsys) in ((1,) if what != "anchor" else (0, 1)), bytes(octets)[:200]


def test_hostile_files_are_answered_in_bounded_time(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Patterns that look like checkpoints everywhere, JSON without a bottom, numbers without an end."""
    path, header = site.files[0], frames(site.files[0])[0]
    fake = verify.CHECKPOINT_HEAD + b"\0\0\0\0\0\1\0\0" + bytes(120)
    put(path, [header, fake * 40_000])
    assert site.alone(path).findings
    for text in (b"[" * 500_000, b'{"seq":' + b"9" * 500_000 + b"}", b'{"seq":1e999,"key":[]}', b"\xff" * 1000):
        body = bytes(SIGNATURE) + text
        put(path, relinked([HEAD.pack(len(body), ord("H")) + body + bytes(LINK)]))
        assert site.alone(path).findings
        site.log.write_bytes(text + b"\n")
        assert site.judge(capsys=capsys) == 1


def test_a_question_that_makes_no_sense_exits_with_two(site: Site) -> None:
    run = [sys.executable, "-I", verify.__file__]
    key = b64(site.keys.signing.public_key().public_bytes_raw())
    for arguments in (
        [],
        ["--site-key", "nonsense", str(site.files[0])],
        ["--site-key", key, "/no/such/file"],
        ["--site-key", key, "--log", str(site.log), str(site.files[0])],
    ):
        done = subprocess.run([*run, *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr
