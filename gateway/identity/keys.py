"""SSH public keys: what is accepted as one. Pure."""

from __future__ import annotations

from typing import Final

import asyncssh

from gateway.errors import Invalid
from gateway.limits import PUBLIC_KEY_OCTETS

RSA_LEAST: Final = 3072  # bits; below is what BSI TR-02102 calls legacy
KINDS: Final = frozenset(
    {
        "ssh-ed25519",
        "ssh-ed448",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


def parse(line: str) -> tuple[str, str]:
    """Fingerprint and plain one-line form of a public key as OpenSSH writes it.

    Raises:
        Invalid: no public key, a private one, or one too weak.
    """
    if len(line) > PUBLIC_KEY_OCTETS:
        raise Invalid("key", f"must be at most {PUBLIC_KEY_OCTETS} octets")
    if "PRIVATE" in line:
        raise Invalid("key", "is a private key: keep it, make a new one, and give the line of the file ending in .pub")
    try:
        key = asyncssh.import_public_key(line.strip())
    except (asyncssh.KeyImportError, ValueError):
        raise Invalid("key", "must be one line of a .pub file, e.g. ssh-ed25519 AAAA…") from None
    kind = key.algorithm.decode()
    if kind not in KINDS:
        raise Invalid("key", f"must not be of kind {kind}: make one with ssh-keygen -t ed25519")
    bits = getattr(key.pyca_key, "key_size", 0)
    if kind == "ssh-rsa" and bits < RSA_LEAST:
        raise Invalid("key", f"must have {RSA_LEAST} bits or more as RSA, has {bits}: ssh-keygen -t ed25519 is best")
    return key.get_fingerprint(), " ".join(key.export_public_key().decode().split()[:2])
