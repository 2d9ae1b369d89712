"""Credentials: sealed at rest, bound to their account, opened for one session, never shown (C53)."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from sqlalchemy import select, update

from gateway.audit import sql as audit_sql
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.errors import NotFound, Refused
from gateway.ids import SessionId
from gateway.inventory import tables as t
from gateway.inventory.model import Account, CredentialKind, Target, TargetClass, Tier
from gateway.inventory.service import Inventory
from gateway.store.db import Store
from tests.inventory.conftest import OMAR
from tests.sim.clock import SimulatedClock

CANARY = b"canary-7Qe2-never-on-disk"
SESSION = SessionId("ses_abc")
HOUR = timedelta(hours=1)


async def add(inventory: Inventory, kind: CredentialKind, secret: bytes | None, name: str = "engineer") -> Account:
    return await inventory.add_account("sam", "ews-l4", name, kind, secret)


async def test_what_was_sealed_is_opened_for_a_session_and_its_use_is_on_record(
    inventory: Inventory, target: Target, store: Store
) -> None:
    """C54: who was `engineer` on that target is answered by one line."""
    account = await add(inventory, CredentialKind.PASSWORD, CANARY)
    credential = await inventory.credential(None, target, account, SESSION, "vera", HOUR)
    assert (credential.account, credential.kind, credential.secret) == ("engineer", CredentialKind.PASSWORD, CANARY)
    async with store.read() as tx:
        used = (await audit_sql.read(tx))[-1].values()
    assert used["event"] == "inventory.credential.used"
    assert (used["actor"], used["target"], used["account"], used["session"]) == (
        "vera",
        "ews-l4",
        "engineer",
        "ses_abc",
    )


async def test_the_use_is_recorded_in_the_callers_transaction_or_not_at_all(
    inventory: Inventory, target: Target, store: Store
) -> None:
    account = await add(inventory, CredentialKind.PASSWORD, CANARY)
    with pytest.raises(ZeroDivisionError):
        async with store.write() as tx:
            await inventory.credential(tx, target, account, SESSION, "vera", HOUR)
            raise ZeroDivisionError
    async with store.read() as tx:
        assert (await audit_sql.read(tx))[-1].name == "inventory.account.added"


async def test_no_octet_of_a_secret_is_in_the_database_or_its_log(
    inventory: Inventory, target: Target, store: Store, tmp_path: Path
) -> None:
    """Abuse case 66: canaries looked for in every file that the store writes, write-ahead log included."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="canary-in-a-comment")
    password = await add(inventory, CredentialKind.PASSWORD, CANARY)
    private = await add(inventory, CredentialKind.PRIVATE_KEY, key.export_private_key(), "service")
    certified = await add(inventory, CredentialKind.CERTIFICATE, None, "operator")
    opened = [
        await inventory.credential(None, target, account, SESSION, "vera", HOUR)
        for account in (password, private, certified)
    ]
    await inventory.change_account("sam", "ews-l4", 5, "engineer", CredentialKind.PASSWORD, CANARY + b"2")
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"ews-l4" in written
    for needle in (b"canary", b"PRIVATE KEY", *(c.secret[40:80] for c in opened[1:])):
        assert needle not in written


async def test_a_credential_never_prints_its_secret(inventory: Inventory, target: Target) -> None:
    """Abuse case 66: a value that ends up in a log line or an error."""
    account = await add(inventory, CredentialKind.PASSWORD, CANARY)
    credential = await inventory.credential(None, target, account, SESSION, "vera", HOUR)
    for text in (repr(credential), str(credential), f"{credential}", f"{[credential]}", "%r" % (credential,)):  # noqa: UP031
        assert "canary" not in text


async def test_a_sealed_secret_copied_onto_another_account_does_not_open(
    inventory: Inventory, target: Target, store: Store
) -> None:
    """Somebody who writes to the database gives his account the seal of a stronger one."""
    admin = await add(inventory, CredentialKind.PASSWORD, CANARY, "Administrator")
    weak = await add(inventory, CredentialKind.PASSWORD, b"weak")
    async with store.write() as tx:
        seal = (await tx.execute(select(t.accounts.c.sealed).where(t.accounts.c.id == admin.id))).scalar_one()
        await tx.execute(update(t.accounts).where(t.accounts.c.id == weak.id).values(sealed=seal))
    with pytest.raises(Refused) as caught:
        await inventory.credential(None, target, weak, SESSION, "vera", HOUR)
    assert caught.value.code == "credential_unavailable"
    assert "192.0.2.10" not in caught.value.words
    async with store.read() as tx:
        assert "inventory.credential.used" not in {e.name for e in await audit_sql.read(tx)}


async def test_a_kind_changed_in_the_database_does_not_open(inventory: Inventory, target: Target, store: Store) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    account = await add(inventory, CredentialKind.PRIVATE_KEY, key)
    async with store.write() as tx:
        await tx.execute(update(t.accounts).values(kind=CredentialKind.PASSWORD))
    with pytest.raises(Refused):
        await inventory.credential(None, target, account, SESSION, "vera", HOUR)


async def test_another_master_key_opens_nothing(
    inventory: Inventory, target: Target, store: Store, audit: AuditLog, clock: SimulatedClock, ssh_ca: asyncssh.SSHKey
) -> None:
    account = await add(inventory, CredentialKind.PASSWORD, CANARY)
    other = Inventory(store, audit, clock, Envelope(b"\1" * 32), ssh_ca)
    with pytest.raises(Refused) as caught:
        await other.credential(None, target, account, SESSION, "vera", HOUR)
    assert "Call the plant" in caught.value.words


async def test_an_account_of_another_target_is_not_found(inventory: Inventory, target: Target) -> None:
    account = await add(inventory, CredentialKind.PASSWORD, CANARY)
    other = await inventory.add_target("sam", "other", "Other", "line4", Tier.T0, TargetClass.SERVER, [OMAR])
    with pytest.raises(NotFound):
        await inventory.credential(None, other, account, SESSION, "vera", HOUR)


async def test_an_account_that_was_removed_opens_nothing(inventory: Inventory, target: Target) -> None:
    account = await add(inventory, CredentialKind.PASSWORD, CANARY)
    await inventory.remove_account("sam", "ews-l4", target.version + 1, "engineer")
    with pytest.raises(NotFound):
        await inventory.credential(None, target, account, SESSION, "vera", HOUR)


async def test_a_changed_secret_serves_from_the_next_session_on(inventory: Inventory, target: Target) -> None:
    account = await add(inventory, CredentialKind.PASSWORD, b"old")
    await inventory.change_account("sam", "ews-l4", target.version + 1, "engineer", CredentialKind.PASSWORD, b"new")
    assert (await inventory.credential(None, target, account, SESSION, "vera", HOUR)).secret == b"new"


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "pkcs1-pem"])
async def test_a_private_key_comes_out_in_openssh_form_whatever_it_came_in(
    inventory: Inventory, target: Target, form: str
) -> None:
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    account = await add(inventory, CredentialKind.PRIVATE_KEY, key.export_private_key(form))
    secret = (await inventory.credential(None, target, account, SESSION, "vera", HOUR)).secret
    assert secret.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert asyncssh.import_private_key(secret).public_data == key.public_data


async def test_a_certificate_is_fresh_short_and_names_session_and_person(
    inventory: Inventory, target: Target, clock: SimulatedClock, ssh_ca: asyncssh.SSHKey, store: Store
) -> None:
    account = await add(inventory, CredentialKind.CERTIFICATE, None)
    first = await inventory.credential(None, target, account, SESSION, "vera", timedelta(minutes=90))
    second = await inventory.credential(None, target, account, SESSION, "vera", timedelta(minutes=90))
    assert first.secret != second.secret
    certificate: Any = asyncssh.import_certificate(first.certificate)  # its fields are not public
    assert certificate.signing_key.public_data == ssh_ca.public_data
    assert certificate.key.public_data == asyncssh.import_private_key(first.secret).public_data
    assert certificate.principals == ["engineer"]
    now = int(clock.now().timestamp())
    assert certificate._valid_after == now - 60
    assert certificate._valid_before == now + 90 * 60
    assert certificate._key_id == "ses_abc vera"
    assert set(certificate.options) == {"permit-pty"}
    async with store.read() as tx:
        used = (await audit_sql.read(tx))[-2].values()
    assert used["serial"] == str(certificate._serial)
    assert used["valid_until"].startswith("2026-11-24T11:30:00")


async def test_many_sessions_at_once_get_a_credential_each(inventory: Inventory, target: Target) -> None:
    account = await add(inventory, CredentialKind.CERTIFICATE, None)
    made = await asyncio.gather(
        *(inventory.credential(None, target, account, SessionId(f"ses_{n}"), "vera", HOUR) for n in range(10))
    )
    assert len({c.secret for c in made}) == 10
