"""The site's keys: made once, private, the same at the next start."""

import ssl
from pathlib import Path

import pytest

from gateway.errors import Invalid
from gateway.keys import open_keys
from tests.sim.clock import SimulatedClock

NAMES = ("localhost", "127.0.0.1")


def test_a_second_start_finds_the_same_keys(tmp_path: Path, clock: SimulatedClock) -> None:
    first = open_keys(tmp_path / "keys", clock, names=NAMES, replay=True)
    sealed = first.envelope.seal("purpose", b"secret")
    second = open_keys(tmp_path / "keys", clock, names=NAMES, replay=True)
    assert second.site_key() == first.site_key()
    assert second.envelope.open("purpose", sealed) == b"secret"
    assert str(second.replay) == str(first.replay)


@pytest.mark.parametrize("name", ["site.key", "master.key", "ssh_host_ed25519_key", "ssh_ca", "tls_ca.key", "tls.key"])
def test_a_key_that_others_can_read_refuses_the_start(tmp_path: Path, clock: SimulatedClock, name: str) -> None:
    open_keys(tmp_path, clock, names=NAMES, replay=True)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (tmp_path / name).chmod(0o640)
    with pytest.raises(Invalid, match="mode 640"):
        open_keys(tmp_path, clock, names=NAMES, replay=True)


def test_the_page_has_a_certificate_that_its_authority_vouches_for(tmp_path: Path, clock: SimulatedClock) -> None:
    keys = open_keys(tmp_path, clock, names=NAMES, replay=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.tls_certificate, keys.tls_key)
    assert "BEGIN CERTIFICATE" in keys.tls_ca.read_text()
    assert keys.replay is None


def test_a_certificate_is_renewed_in_time_and_for_new_names_only(tmp_path: Path, clock: SimulatedClock) -> None:
    open_keys(tmp_path, clock, names=NAMES, replay=False)
    first = (tmp_path / "tls.crt").read_bytes()
    open_keys(tmp_path, clock, names=NAMES, replay=False)
    assert (tmp_path / "tls.crt").read_bytes() == first
    clock.advance(days=380)
    open_keys(tmp_path, clock, names=NAMES, replay=False)
    renewed = (tmp_path / "tls.crt").read_bytes()
    assert renewed != first
    open_keys(tmp_path, clock, names=(*NAMES, "gateway.mill"), replay=False)
    assert (tmp_path / "tls.crt").read_bytes() != renewed


@pytest.mark.parametrize(
    "name", ["site.key", "master.key", "ssh_host_ed25519_key", "ssh_ca", "replay.age", "tls_ca.key"]
)
def test_a_key_that_does_not_parse_refuses_the_start_and_is_left_as_it_is(
    tmp_path: Path, clock: SimulatedClock, name: str
) -> None:
    open_keys(tmp_path, clock, names=NAMES, replay=True)
    (tmp_path / name).write_bytes(b"\xff torn")
    clock.advance(days=380)  # so that the authority's key is needed
    with pytest.raises(Invalid, match=r"put it back"):
        open_keys(tmp_path, clock, names=NAMES, replay=True)
    assert (tmp_path / name).read_bytes() == b"\xff torn"
