"""The recorder: what it wrote can be read again, and what it could not write is nowhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import RecorderFailed
from gateway.recording import chain as chain_module
from gateway.recording.format import KEY, MAGIC
from gateway.recording.model import Kind, Record
from gateway.recording.reader import Player
from gateway.recording.typed import keys_in, opened
from gateway.recording.verify import check_file
from gateway.recording.writer import Recorder
from tests.recording.conftest import Keys, record_to
from tests.sim.clock import SimulatedClock


def played(path: Path, keys: Keys, from_us: int = 0) -> list[Record]:
    with Player.open(path, keys.replay, keys.signing.public_key()) as player:
        return list(player.records(from_us))


def ended(recorder: Recorder) -> Path:
    recorder.seal()
    recorder.finish()
    return recorder.path


def intact(path: Path, keys: Keys) -> bool:
    result = check_file(path, [keys.signing.public_key()])
    return not result.findings and result.ends == "E"


def test_what_was_recorded_is_played_in_order(recorder: Recorder, clock: SimulatedClock, keys: Keys) -> None:
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    tape.output(b"$ ")
    clock.advance(seconds=1)
    tape.error(b"warning")
    tape.resize(100, 30)
    tape.discarded(3)
    tape.close(7, "TERM")
    records = played(ended(recorder), keys)
    assert [chr(r.kind) for r in records] == ["m", "s", "o", "e", "r", "x", "c", "z"]
    assert (records[2].payload, records[2].at_us, records[3].at_us) == (b"$ ", 0, 1_000_000)
    assert intact(recorder.path, keys)


def test_a_second_opener_is_refused(recorder: Recorder, clock: SimulatedClock, keys: Keys) -> None:
    with pytest.raises(RecorderFailed, match="exists"):
        record_to(recorder.path, clock, keys)
    fd = os.open(recorder.path, os.O_RDWR)
    with pytest.raises(RecorderFailed, match="another process"):
        chain_module.lock(fd)


def test_keys_are_forgotten_at_the_end_and_nothing_can_be_added(recorder: Recorder, keys: Keys) -> None:
    ended(recorder)
    assert not [v for v in vars(recorder).values() if isinstance(v, bytes) and len(v) == KEY]
    assert not {"_aead", "_key"} & set(vars(recorder))
    with pytest.raises(RecorderFailed, match="closed"):
        recorder.record(Kind.NOTICE, 0, b"{}")


def test_a_clock_that_steps_back_makes_no_time_fall(recorder: Recorder, clock: SimulatedClock, keys: Keys) -> None:
    for _ in range(5):
        recorder.record(Kind.OUTPUT, 1, b"x")
        clock.advance(seconds=11)
        clock.step_wall(hours=-1)
        recorder.tick()
    times = [r.at_us for r in played(ended(recorder), keys)]
    assert times == sorted(times)
    assert intact(recorder.path, keys)


def test_an_idle_recorder_writes_nothing_and_a_busy_one_signs_within_ten_seconds(
    recorder: Recorder, clock: SimulatedClock
) -> None:
    recorder.record(Kind.OUTPUT, 1, b"x")
    for _ in range(9):
        clock.advance(seconds=1)
        recorder.tick()
    assert recorder.points
    octets = recorder.octets
    clock.advance(hours=1)
    recorder.tick()
    assert recorder.octets == octets


@pytest.mark.parametrize("how", ["short write", "no space"])
def test_a_full_disk_delivers_nothing_and_recording_goes_on_when_there_is_room(
    how: str, recorder: Recorder, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = recorder.open_tape({"kind": "exec"}, None)
    tape.output(b"before")
    head, real = recorder.head, os.write

    def full(fd: int, data: bytes) -> int:
        if how == "no space":
            raise OSError(28, "No space left on device")
        return real(fd, data[: len(data) // 2])

    monkeypatch.setattr(chain_module.os, "write", full)
    for _ in range(3):
        with pytest.raises(RecorderFailed):
            tape.output(b"secretly lost")
    assert recorder.head == head
    assert recorder.path.stat().st_size == recorder.octets
    monkeypatch.undo()
    tape.output(b"after")
    records = played(ended(recorder), keys)
    assert [r.payload for r in records if r.kind == Kind.OUTPUT] == [b"before", b"after"]
    assert intact(recorder.path, keys)


def test_no_frame_number_is_used_for_two_plaintexts(
    recorder: Recorder, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame that did not reach the disk may have reached a platter: its nonce must not come again."""
    used: list[int] = []
    real = recorder._aead

    class Spy:
        def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
            used.append(int.from_bytes(nonce, "big"))
            return real.encrypt(nonce, data, aad)

    recorder._aead = Spy()  # type: ignore[assignment]
    for fail in (True, False, True, True, False):
        with monkeypatch.context() as broken:
            if fail:
                broken.setattr(chain_module.os, "write", lambda fd, data: (_ for _ in ()).throw(OSError(5, "EIO")))
                with pytest.raises(RecorderFailed):
                    recorder.record(Kind.OUTPUT, 1, b"x")
            else:
                recorder.record(Kind.OUTPUT, 1, b"x")
    assert len(used) == len(set(used))


def test_a_file_size_limit_stops_delivery_and_what_was_delivered_verifies(tmp_path: Path) -> None:
    """A real disk that ends: RLIMIT_FSIZE in a process of its own."""
    program = """
import resource, signal, sys
from pathlib import Path
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway.errors import RecorderFailed
from tests.recording.conftest import Keys, record_to
from tests.sim.clock import SimulatedClock
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
keys = Keys(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), pyrage.x25519.Identity.generate())
recorder = record_to(Path(sys.argv[1]), SimulatedClock(), keys)
tape = recorder.open_tape({}, None)
delivered = 0
try:
    while True:
        tape.output(bytes(__import__("secrets").token_bytes(500)))
        delivered += 1
except RecorderFailed:
    print(delivered, recorder.head.frames)
"""
    path = tmp_path / "full.slg"
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, timeout=60)
    delivered, frames = map(int, run.stdout.split())
    result = check_file(path, [_site()])
    assert delivered > 10
    assert result.frames == frames
    assert [f for f in result.findings if "not sealed" not in f] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root; RLIMIT_FSIZE above does not")
def test_a_file_system_that_fills_up_stops_delivery_until_there_is_room(tmp_path: Path) -> None:
    """A real full disk (abuse cases 79 and 80): tmpfs of 128 KiB in a mount namespace of its own."""
    program = """
import secrets, sys
from pathlib import Path
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway.errors import RecorderFailed
from gateway.recording.verify import check_file
from tests.recording.conftest import Keys, record_to
from tests.sim.clock import SimulatedClock
folder, clock = Path(sys.argv[1]), SimulatedClock()
keys = Keys(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), pyrage.x25519.Identity.generate())
ballast = folder / "ballast"
ballast.write_bytes(bytes(64 << 10))
recorder = record_to(folder / "one.slg", clock, keys)
tape = recorder.open_tape({}, None)
delivered = 0
def until_full():
    global delivered
    try:
        while True:
            tape.output(secrets.token_bytes(500))
            delivered += 1
    except RecorderFailed:
        assert recorder.path.stat().st_size == recorder.octets
until_full()
first = delivered
assert first > 50
try:
    record_to(folder / "two.slg", clock, keys, seq=2)
except RecorderFailed:
    assert not (folder / "two.slg").exists()
else:
    raise SystemExit("a session began on a full disk")
ballast.unlink()
until_full()
assert delivered > first + 50
result = check_file(recorder.path, [keys.signing.public_key()])
assert all("not sealed" in f for f in result.findings), result
assert result.frames == recorder.head.frames
print("ok")
"""
    # In a chroot the root is no mount, and what it lies on is private already: hence `|| true`.
    private = "{ mount --make-rprivate / 2>/dev/null || true; }"
    mount = f'{private}; mount -t tmpfs -o size=128k tmpfs {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}'
    run = subprocess.run(
        ["unshare", "-m", "--propagation", "unchanged", "sh", "-c", mount, program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (0, "ok\n"), run.stderr


def _site():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()


def test_a_password_typed_without_echo_is_in_no_octet_of_any_file__abuse_case_83(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    tape.output(b"$ ")
    for octet in b"sudo -i\r":
        tape.typed(bytes([octet]))
        tape.output(bytes([octet]) if octet != 13 else b"\r\n[sudo] password for engineer: ")
    for octet in b"correct horse\r":
        tape.typed(bytes([octet]))
        clock.advance(milliseconds=200)
    tape.output(b"\r\nroot@ews:~# ")
    tape.close(0)
    records = played(ended(recorder), keys)
    everything = recorder.path.read_bytes() + b"".join(r.payload for r in records)
    typed = list(opened(records, keys_in(records)))
    assert b"".join(r.payload for r in typed if r.kind == Kind.INPUT) == b"sudo -i\r"
    assert sum(r.kind == Kind.HIDDEN for r in typed) == len(b"correct horse\r")
    assert b"correct horse" not in everything
    assert not any(r.kind == Kind.INPUT and r.payload in (b"c", b"h") for r in typed)


def test_a_stream_without_a_terminal_has_no_emulator_and_no_keyframe(recorder: Recorder, keys: Keys) -> None:
    tape = recorder.open_tape({"kind": "exec"}, None)
    tape.output(b"x" * 100)
    assert tape.picture() is None
    assert Kind.KEYFRAME not in {r.kind for r in played(ended(recorder), keys)}


def test_a_panic_of_the_emulator_ends_keyframes_and_not_the_recording(recorder: Recorder, keys: Keys) -> None:
    class Panic(BaseException):
        pass

    class Terminal:
        def feed_str(self, text: str) -> None:
            raise Panic

    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    tape._screen._terminal = Terminal()  # type: ignore[union-attr,assignment]
    tape.output(b"hello")
    assert tape.picture() is None
    assert b"hello" in [r.payload for r in played(ended(recorder), keys)]


def test_standard_input_is_counted_and_digested_and_not_kept(recorder: Recorder, keys: Keys) -> None:
    import hashlib

    tape = recorder.open_tape({"kind": "exec"}, None)
    tape.stdin(b"fire")
    tape.stdin(b"wall")
    tape.close(0)
    records = played(ended(recorder), keys)
    last = [r.payload for r in records if r.kind == Kind.LENGTH][-1]
    assert last == (8).to_bytes(8, "big") + hashlib.sha256(b"firewall").digest()
    assert hashlib.sha256(b"firewall").hexdigest().encode() in next(r.payload for r in records if r.kind == Kind.CLOSE)


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([Kind.OUTPUT, Kind.ERROR, Kind.NOTICE, 200]),
        st.integers(0, 0xFFFF),
        st.binary(max_size=300),
        st.integers(0, 12_000),
    ),
    max_size=30,
)


@given(records=RECORDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_records_come_back_as_they_went(
    records: list[tuple[int, int, bytes, int]], tmp_path_factory: pytest.TempPathFactory, keys: Keys
) -> None:
    clock = SimulatedClock()
    recorder = record_to(tmp_path_factory.mktemp("r") / "any.slg", clock, keys)
    for kind, stream, payload, ms in records:
        recorder.record(kind, stream, payload)  # type: ignore[arg-type]
        clock.advance(milliseconds=ms)
        recorder.tick()
    back = played(ended(recorder), keys)[1:-1]
    assert [(r.kind, r.stream, r.payload) for r in back] == [(k, s, p) for k, s, p, _ in records]
    assert intact(recorder.path, keys)
    assert recorder.path.read_bytes().startswith(MAGIC)
