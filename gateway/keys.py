"""The site's own keys: made at first start, read at every other, refused when others on the machine can read them."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import asyncssh
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import Clock
from gateway.envelope import KEY, Envelope
from gateway.errors import Invalid
from gateway.site_ca import issue, make_ca

T = TypeVar("T")
HOST_CA: Final = "ssh_host_ca"  # its file
TLS_RENEW: Final = timedelta(days=30)  # a certificate of our own CA is renewed this long before its end


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """Everything secret that the gateway itself holds.

    Attributes:
        signing: signs headers of recordings and checkpoints of the audit log; its public half is the site's identity.
        envelope: seals credentials and seeds; its master key is the file `master.key`.
        ssh_ca: signs short-lived certificates for accounts on targets.
        ssh_host_ca: vouches for the host key under the names of targets, for who comes by `ssh -J`.
        replay: opens recordings for the page; None when the site keeps no replay key (decisions 8).
    """

    signing: Ed25519PrivateKey
    envelope: Envelope
    ssh_host_key: Path
    ssh_ca: asyncssh.SSHKey
    ssh_host_ca: asyncssh.SSHKey
    tls_certificate: Path
    tls_key: Path
    tls_ca: Path
    replay: pyrage.x25519.Identity | None

    def site_key(self) -> str:
        """The public half of `signing`, base64: what an outsider verifies with."""
        return base64.b64encode(self.signing.public_key().public_bytes_raw()).decode()


def open_keys(folder: Path, clock: Clock, *, names: tuple[str, ...], replay: bool) -> SiteKeys:
    """The keys in `folder`; those that are missing are made.

    Args:
        names: host names and addresses for the page's certificate.

    Raises:
        Invalid: a key that others can read, or that does not parse.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing = _key(folder / "site.key", lambda: secrets.token_bytes(32), Ed25519PrivateKey.from_private_bytes)
    (folder / "site.pub").write_text(base64.b64encode(signing.public_key().public_bytes_raw()).decode() + "\n")
    envelope = _key(folder / "master.key", lambda: secrets.token_bytes(KEY), Envelope)
    host_key = folder / "ssh_host_ed25519_key"
    _key(host_key, _ssh_key, asyncssh.import_private_key)
    ca = _key(folder / "ssh_ca", _ssh_key, asyncssh.import_private_key)
    (folder / "ssh_ca.pub").write_bytes(ca.export_public_key())
    host_ca = _key(folder / HOST_CA, _ssh_key, asyncssh.import_private_key)
    (folder / f"{HOST_CA}.pub").write_bytes(host_ca.export_public_key())
    identity = _key(folder / "replay.age", _age_key, _age_identity) if replay else None
    authority = _tls(folder, clock, names)
    certificate, tls_key = folder / "tls.crt", folder / "tls.key"
    return SiteKeys(signing, envelope, host_key, ca, host_ca, certificate, tls_key, authority, identity)


def _tls(folder: Path, clock: Clock, names: tuple[str, ...]) -> Path:
    """A certificate by the site's own CA, renewed in time; a certificate put there by the site is left alone."""
    authority = folder / "tls_ca.crt"
    now = clock.now()
    ca_key = _secret(folder / "tls_ca.key", lambda: make_ca(authority, now))
    try:
        issue(folder / "tls.crt", folder / "tls.key", authority, ca_key, names, now, TLS_RENEW)
    except ValueError:
        words = "one of tls_ca.crt, tls_ca.key, tls.crt is no PEM that can be read; put it back from your backup"
        raise Invalid(str(folder), words) from None
    private(folder / "tls.key")
    return authority


def _key(path: Path, make: Callable[[], bytes], parse: Callable[[bytes], T]) -> T:
    """The key in a secret file, made with `make()` when there is none.

    Raises:
        Invalid: what is there is no such key. A new one in its place would orphan everything made with the old one.
    """
    data = _secret(path, make)
    try:
        return parse(data)
    except (ValueError, pyrage.IdentityError):
        raise Invalid(str(path), "is not the key that belongs there; put it back from your backup") from None


def host_ca_line(ca: asyncssh.SSHKey, hosts: str = "*") -> str:
    """What people put into their known hosts: whoever `ca` vouches for is the target that he says he is ([sshd(8)]).

    Args:
        hosts: patterns of the names that it is believed for.
    """
    return f"@cert-authority {hosts} {ca.export_public_key().decode().strip()}"


def _ssh_key() -> bytes:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key()


def _age_key() -> bytes:
    return str(pyrage.x25519.Identity.generate()).encode()


def _age_identity(data: bytes) -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.from_str(data.decode().strip())


def _secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The octets of a secret file, made with `make()` when there is none."""
    if not path.exists():
        data = make()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    private(path)
    return path.read_bytes()


def private(path: Path) -> None:
    """
    Raises:
        Invalid: others than its owner can read the file.
    """
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise Invalid(str(path), f"has mode {mode:o}; must be readable by its owner alone (chmod 600)")
