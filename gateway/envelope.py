"""Sealing of secrets at rest: each under a key of its own, which the master key wraps (AES-256-GCM, both).

sealed = version u8 (1) | nonce 12 | wrapped data key 48 | nonce 12 | ciphertext and tag
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import GatewayError

VERSION: Final = 1
NONCE: Final = 12  # octets
KEY: Final = 32  # octets
WRAPPED: Final = KEY + 16  # octets: data key and tag


class SealBroken(GatewayError):
    """The master key is another one, or the sealed octets or their purpose were changed."""


class Envelope:
    """Seals and opens with one master key; `purpose` binds a secret to its place, e.g. `account/acc_…/password`."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY:
            raise ValueError(f"master key of {len(master)} octets, must be {KEY}")
        self._master = AESGCM(master)

    def seal(self, purpose: str, plain: bytes) -> bytes:
        key, outer, inner = secrets.token_bytes(KEY), secrets.token_bytes(NONCE), secrets.token_bytes(NONCE)
        wrapped = self._master.encrypt(outer, key, purpose.encode())
        return bytes([VERSION]) + outer + wrapped + inner + AESGCM(key).encrypt(inner, plain, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """What was sealed for `purpose`.

        Raises:
            SealBroken: anything else.
        """
        head = 1 + NONCE + WRAPPED + NONCE
        if len(sealed) < head or sealed[0] != VERSION:
            raise SealBroken(f"sealed secret of {len(sealed)} octets, not version {VERSION}")
        outer, wrapped, inner = sealed[1:13], sealed[13 : 13 + WRAPPED], sealed[13 + WRAPPED : head]
        try:
            key = self._master.decrypt(outer, wrapped, purpose.encode())
            return AESGCM(key).decrypt(inner, sealed[head:], purpose.encode())
        except InvalidTag:
            raise SealBroken("sealed secret does not open with this master key and purpose") from None
