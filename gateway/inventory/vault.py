"""Credentials of targets: checked and sealed when they come in, opened for one session, never shown (C53).

A seal binds a secret to its account and kind: a row copied onto another account does not open.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncssh

from gateway.envelope import Envelope
from gateway.errors import Invalid
from gateway.ids import AccountId, SessionId
from gateway.inventory.model import Credential, CredentialKind
from gateway.limits import CERTIFICATE_EARLY, SECRET_OCTETS

SERIAL_BITS: Final = 63  # of 64: tools that read it as a signed number stay right


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate made for one session, and how the target's log will name it."""

    credential: Credential
    serial: int
    fingerprint: str
    valid_until: datetime


class Vault:
    def __init__(self, envelope: Envelope, ssh_ca: asyncssh.SSHKey) -> None:
        self._envelope, self._ssh_ca = envelope, ssh_ca

    def seal(self, account: AccountId, kind: CredentialKind, secret: bytes | None) -> bytes | None:
        """What is stored for `secret`; None for a certificate, of which nothing is.

        Raises:
            Invalid: a secret that is missing, too long, or cannot be of that kind. The words never quote it.
        """
        checked = check(kind, secret)
        return None if checked is None else self._envelope.seal(_purpose(account, kind), checked)

    def open(self, account: AccountId, name: str, kind: CredentialKind, sealed: bytes) -> Credential:
        """What `seal` was given, private keys in OpenSSH form.

        Raises:
            SealBroken: another master key, or the seal of another account or kind.
        """
        return Credential(name, kind, self._envelope.open(_purpose(account, kind), sealed))

    def certify(self, name: str, session: SessionId, person_name: str, at: datetime, valid: timedelta) -> Certificate:
        """A fresh key and a certificate for account `name`, good from a little before `at` until `at` + `valid`.

        It names session and person, so that the target's own log does too, and carries no permission but a terminal.
        """
        key = asyncssh.generate_private_key("ssh-ed25519")
        serial, until = secrets.randbits(SERIAL_BITS), at + valid
        certificate = self._ssh_ca.generate_user_certificate(
            key,
            f"{session} {person_name}",
            serial=serial,
            principals=[name],
            valid_after=int((at - CERTIFICATE_EARLY).timestamp()),
            valid_before=int(until.timestamp()),
            permit_x11_forwarding=False,
            permit_agent_forwarding=False,
            permit_port_forwarding=False,
            permit_pty=True,
            permit_user_rc=False,
        )
        line = certificate.export_certificate().decode().strip()
        credential = Credential(name, CredentialKind.CERTIFICATE, key.export_private_key(), line)
        return Certificate(credential, serial, key.get_fingerprint(), until)


def check(kind: CredentialKind, secret: bytes | None) -> bytes | None:
    """`secret` in the form that is sealed.

    Raises:
        Invalid: it cannot be of that kind.
    """
    if kind is CredentialKind.CERTIFICATE:
        if secret:
            raise Invalid("secret", "must be empty: the gateway makes a certificate for each session")
        return None
    if not secret:
        raise Invalid("secret", f"must not be empty for a {kind}")
    if len(secret) > SECRET_OCTETS:
        raise Invalid("secret", f"must be at most {SECRET_OCTETS} octets, is {len(secret)}")
    return _private_key(secret) if kind is CredentialKind.PRIVATE_KEY else _password(secret)


def _password(secret: bytes) -> bytes:
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        raise Invalid("secret", "must be text in UTF-8") from None
    if any(c in text for c in "\0\r\n"):
        raise Invalid("secret", "must be one line")
    return secret


def _private_key(secret: bytes) -> bytes:
    """In OpenSSH form, whatever form it came in; the connector need not know any other."""
    try:
        return asyncssh.import_private_key(secret).export_private_key("openssh")
    except (asyncssh.KeyImportError, asyncssh.KeyExportError, asyncssh.KeyEncryptionError):
        raise Invalid("secret", "must be a private key that OpenSSH reads, without a passphrase") from None


def _purpose(account: AccountId, kind: CredentialKind) -> str:
    return f"account/{account}/{kind}"
