"""The pinned identity of an RDP service: the public key of its TLS certificate (C52; abuse case 70)."""

import base64
import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from gateway.audit import sql as audit_sql
from gateway.errors import Invalid, NotFound, Refused
from gateway.ids import ServiceId, SessionId
from gateway.inventory.model import Credential, CredentialKind, Protocol, Service, Target
from gateway.inventory.service import Inventory
from gateway.store.db import Store
from tests.inventory.conftest import OMAR
from tests.sim.clock import SimulatedClock

SESSION = SessionId("ses_first")
NAME = "EWS-L4.plant.example"


def certificate(key: CertificateIssuerPrivateKeyTypes, clock: SimulatedClock, name: str = NAME) -> bytes:
    """Self-signed, as Windows makes them: half a year."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now())
        .not_valid_after(clock.now() + timedelta(days=182))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def fingerprint(der: bytes) -> str:
    key = x509.load_der_x509_certificate(der).public_key()
    octets = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "SPKI-SHA256:" + base64.b64encode(hashlib.sha256(octets).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
async def service(inventory: Inventory, target: Target) -> Service:
    return await inventory.add_service("sam", target.name, Protocol.RDP, "192.0.2.10", 3389)


async def alarms(store: Store) -> list[dict[str, Any]]:
    async with store.read() as tx:
        entries = [entry.values() for entry in await audit_sql.read(tx)]
    return [e for e in entries if e["event"] == "inventory.host_key.changed"]


async def test_the_first_use_pins_the_key_and_a_renewed_certificate_of_it_passes(
    inventory: Inventory, service: Service, key: rsa.RSAPrivateKey, clock: SimulatedClock, store: Store
) -> None:
    first = certificate(key, clock)
    await inventory.check_certificate(service, first, SESSION, "vera")
    clock.advance(days=170)
    renewed = certificate(key, clock, "another name")
    assert renewed != first
    await inventory.check_certificate(service, renewed, SessionId("ses_second"), "vera")
    pinned = await inventory.pinned(service.id)
    assert pinned is not None
    assert (pinned.fingerprint, pinned.session) == (fingerprint(first), SESSION)
    assert await alarms(store) == []


async def test_70_another_key_is_refused_every_time_with_an_alarm_and_words_that_name_no_key(
    inventory: Inventory, service: Service, key: rsa.RSAPrivateKey, other: ec.EllipticCurvePrivateKey,
    clock: SimulatedClock, store: Store,
) -> None:  # fmt: skip
    old, new = certificate(key, clock), certificate(other, clock)
    await inventory.check_certificate(service, old, SESSION, "vera")
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await inventory.check_certificate(service, new, SESSION, "vera")
    assert (refused.value.code, refused.value.rule) == ("host_key_changed", "C52")
    assert "did not show the certificate that this gateway knows it by" in refused.value.words
    assert "SHA256" not in refused.value.words
    found = await alarms(store)
    assert {(e["expected"], e["offered"], e["target"]) for e in found} == {
        (fingerprint(old), fingerprint(new), "ews-l4")
    }
    assert len(found) == 2
    await inventory.check_certificate(service, old, SESSION, "vera")


async def test_what_is_no_certificate_is_no_key_and_never_pinned(
    inventory: Inventory, service: Service, key: rsa.RSAPrivateKey, clock: SimulatedClock, store: Store
) -> None:
    good = certificate(key, clock)
    odd = good.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)  # a version that there is none of
    assert odd != good
    for der in (b"", b"0", good[:-200], b"\x30\x82" + b"\xff" * 400, odd):
        with pytest.raises(Refused):
            await inventory.check_certificate(service, der, SESSION, "vera")
    assert await inventory.pinned(service.id) is None
    assert {e["offered"] for e in await alarms(store)} == {""}


async def test_an_owner_accepts_the_new_key_and_no_other(
    inventory: Inventory, service: Service, key: rsa.RSAPrivateKey, other: ec.EllipticCurvePrivateKey,
    clock: SimulatedClock,
) -> None:  # fmt: skip
    old, new = certificate(key, clock), certificate(other, clock)
    await inventory.check_certificate(service, old, SESSION, "vera")
    with pytest.raises(Invalid):  # one of an SSH key
        await inventory.repin("omar", service.id, owner=OMAR, reason="anew", fingerprint="SHA256:" + "A" * 43)
    await inventory.repin("omar", service.id, owner=OMAR, reason="anew", fingerprint=fingerprint(new) + "=")
    with pytest.raises(Refused):
        await inventory.check_certificate(service, old, SESSION, "vera")
    await inventory.check_certificate(service, new, SESSION, "vera")


async def test_a_fingerprint_declared_with_the_service_leaves_nothing_to_chance(
    inventory: Inventory, target: Target, key: rsa.RSAPrivateKey, other: ec.EllipticCurvePrivateKey,
    clock: SimulatedClock,
) -> None:  # fmt: skip
    right = certificate(key, clock)
    rdp = await inventory.add_service("sam", "ews-l4", Protocol.RDP, "192.0.2.10", 3389, fingerprint=fingerprint(right))
    with pytest.raises(Refused):
        await inventory.check_certificate(rdp, certificate(other, clock), SESSION, "vera")
    await inventory.check_certificate(rdp, right, SESSION, "vera")


async def test_the_fingerprint_is_the_one_that_openssl_tells_at_the_machine(
    key: rsa.RSAPrivateKey, clock: SimulatedClock, tmp_path: Path, inventory: Inventory, service: Service
) -> None:
    der = certificate(key, clock)
    (tmp_path / "c.der").write_bytes(der)
    told = subprocess.run(
        f"openssl x509 -inform der -in {tmp_path}/c.der -noout -pubkey | openssl pkey -pubin -outform der"
        " | openssl dgst -sha256 -binary | base64",
        shell=True, capture_output=True, check=True, text=True,
    ).stdout.strip()  # fmt: skip
    await inventory.check_certificate(service, der, SESSION, "vera")
    pinned = await inventory.pinned(service.id)
    assert pinned is not None
    assert f"{pinned.fingerprint}=" == f"SPKI-SHA256:{told}"


async def test_a_service_that_is_gone_is_not_found(
    inventory: Inventory, target: Target, key: rsa.RSAPrivateKey, clock: SimulatedClock
) -> None:
    gone = Service(ServiceId("svc_gone"), "rdp", Protocol.RDP, "192.0.2.1", 3389)
    with pytest.raises(NotFound):
        await inventory.check_certificate(gone, certificate(key, clock), SESSION, "vera")


@pytest.mark.parametrize(
    ("account", "split"),
    [
        ("engineer", ("engineer", "")),
        ("PLANT\\engineer", ("engineer", "PLANT")),
        (".\\Administrator", ("Administrator", ".")),
        ("svc.line4@plant.example", ("svc.line4@plant.example", "")),
    ],
)
def test_windows_gets_account_and_domain_apart(account: str, split: tuple[str, str]) -> None:
    opened = Credential(account, CredentialKind.PASSWORD, b"never shown")
    apart = opened.for_windows()
    assert (apart.account, apart.domain) == split
    assert apart.secret == opened.secret
    assert "never shown" not in repr(apart)
