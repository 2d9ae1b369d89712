"""A site's keys and its recordings, in a folder of the test's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log import AuditLog
from gateway.ids import SessionId
from gateway.recording.model import About
from gateway.recording.service import Recordings
from gateway.recording.writer import Recorder
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock


@dataclass(frozen=True, slots=True)
class Keys:
    signing: Ed25519PrivateKey
    replay: pyrage.x25519.Identity | None


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), pyrage.x25519.Identity.generate())


@pytest.fixture
def recordings(store: Store, audit: AuditLog, clock: SimulatedClock, keys: Keys, tmp_path: Path) -> Recordings:
    return Recordings(store, audit, clock, keys, [], tmp_path / "recordings", "plant")


@pytest.fixture
def recorder(tmp_path: Path, clock: SimulatedClock, keys: Keys) -> Iterator[Recorder]:
    """A recorder without a store."""
    recorder = record_to(tmp_path / "one.slg", clock, keys)
    yield recorder
    if not recorder.closed:
        recorder.drop()


def record_to(path: Path, clock: SimulatedClock, keys: Keys, seq: int = 1, protocol: str = "ssh") -> Recorder:
    about = About(seq, SessionId(f"ses_{seq}"), "plant", "vera", "ews-l4", protocol, clock.now())
    assert keys.replay
    recipients = [keys.replay.to_public()]
    return Recorder(path, about, {"purpose": "test"}, recipients=recipients, site_key=keys.signing, clock=clock)
