"""RC4, which NTLM and standard RDP security ask for by name. It hides little; TLS, where there is any, does."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext


def rc4(key: bytes) -> CipherContext:
    """A stream from its beginning: `update` takes the octets in their order."""
    return Cipher(ARC4(key), mode=None).encryptor()
