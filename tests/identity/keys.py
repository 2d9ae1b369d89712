"""Public keys for tests; the halves that sign are not needed here."""

import base64
import struct

import asyncssh


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def sk() -> str:
    """An `sk-ssh-ed25519` key (PROTOCOL.u2f)."""
    kind = b"sk-ssh-ed25519@openssh.com"
    point = asyncssh.generate_private_key("ssh-ed25519").public_data[-32:]
    blob = _string(kind) + _string(point) + _string(b"ssh:")
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


def public(kind: str = "ssh-ed25519", **how) -> str:
    return asyncssh.generate_private_key(kind, **how).export_public_key().decode().strip()


ED25519 = public()
SK = sk()
