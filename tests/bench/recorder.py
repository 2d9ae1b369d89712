"""The recorder alone, as a ratio to SHA-256 over the same octets in the same run."""

import hashlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.clock import SystemClock
from gateway.ids import SessionId
from gateway.recording.model import Kind
from gateway.recording.service import Recordings
from gateway.recording.writer import Recorder
from gateway.store.db import Store
from gateway.store.migrate import migrate

KEYS = 3000


@dataclass(frozen=True)
class Keys:
    signing: Ed25519PrivateKey
    replay: None


async def open_recorder(folder: Path, recipient: str) -> tuple[Store, Recorder]:
    clock = SystemClock()
    store = Store(f"sqlite+aiosqlite:///{folder}/bench.db")
    await migrate(store)
    recordings = Recordings(
        store, AuditLog(clock, Hub()), clock, Keys(Ed25519PrivateKey.generate(), None), [recipient],
        folder / "recordings", "bench",
    )  # fmt: skip
    async with store.write() as tx:
        recorder = await recordings.open(
            tx, session=SessionId("ses_bench"), person="vera", target="ews-l4", protocol="ssh", meta={}
        )
    return store, recorder


def text(octets: int) -> bytes:
    """Output as `ls -lR` makes it: lines that are alike and not the same."""
    lines = (
        f"-rw-r--r-- 1 root root {n * 7919 % 1000003:>9} Nov 22 10:{n % 60:02} file-{n:06}.dat\n" for n in range(octets)
    )
    out = bytearray()
    for line in lines:
        out += line.encode()
        if len(out) >= octets:
            return bytes(out[:octets])
    raise AssertionError


async def measure(recipient: str, octets: int) -> dict[str, float]:
    """Microseconds a keystroke's frame, and ratios to SHA-256 with 4 and 32 KiB frames."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        store, recorder = await open_recorder(Path(folder), recipient)
        started = time.process_time()
        for n in range(KEYS):
            recorder.record(Kind.OUTPUT, 1, b"%c" % (97 + n % 26))
        found["keystroke_us"] = (time.process_time() - started) / KEYS * 1e6
        source = text(octets)
        for size in (4096, 32768):
            chunks = [source[i : i + size] for i in range(0, octets, size)]
            started = time.process_time()
            for chunk in chunks:
                recorder.record(Kind.OUTPUT, 1, chunk)
            recording = time.process_time() - started
            started = time.process_time()
            for chunk in chunks:
                hashlib.sha256(chunk).digest()
            hashing = time.process_time() - started
            found[f"sha256_ratio_{size}"] = hashing / recording
            found[f"mb_per_s_{size}"] = octets / recording / 1e6
        await store.close()
    return found
