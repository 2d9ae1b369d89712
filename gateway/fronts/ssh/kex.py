"""Which cryptography is offered: strong towards the world, tolerant towards one named target. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.inventory.model import CryptoProfile

# Towards people. curve25519 stands first because dropbear guesses its first packet and asyncssh keeps a wrong guess
# (decisions.md 6); the client's order decides, so that a client with ML-KEM gets it all the same.
FRONT_KEX: Final = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "mlkem768x25519-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
)
GCM: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CTR: Final = ("aes256-ctr", "aes192-ctr", "aes128-ctr")
FRONT_CIPHERS: Final = GCM + CTR
FRONT_MACS: Final = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",  # dropbear has no encrypt-then-MAC
    "hmac-sha2-512",
)
FRONT_SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

_OPENSSH: Final = re.compile(rb"SSH-2\.0-OpenSSH_(?:for_Windows_)?(\d{1,3})\.(\d{1,3})")
_GCM_SINCE: Final = (6, 2)  # OpenSSH release that brought AES-GCM


def has_gcm(client_version: bytes) -> bool:
    """Whether this client surely has AES-GCM. Offering it first is not enough: OpenSSH takes what it ranks first."""
    found = _OPENSSH.match(client_version)
    return found is not None and (int(found[1]), int(found[2])) >= _GCM_SINCE


def ciphers_for(client_version: bytes) -> list[bytes]:
    """The ciphers to offer to a client that calls itself so."""
    return [name.encode() for name in (GCM if has_gcm(client_version) else FRONT_CIPHERS)]


@dataclass(frozen=True, slots=True)
class Suite:
    """What is offered to a target."""

    kex: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    signatures: tuple[str, ...]
    host_keys: tuple[str, ...]


_MODERN: Final = Suite(
    kex=(
        "mlkem768x25519-sha256",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256",
    ),
    ciphers=GCM + CTR,
    macs=FRONT_MACS,
    signatures=FRONT_SIGNATURES,
    host_keys=(
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
)

SUITES: Final = MappingProxyType(
    {
        CryptoProfile.MODERN: _MODERN,
        CryptoProfile.COMPAT: Suite(
            kex=(
                *_MODERN.kex,
                "diffie-hellman-group-exchange-sha256",
                "diffie-hellman-group14-sha1",
                "diffie-hellman-group-exchange-sha1",
                "diffie-hellman-group1-sha1",
            ),
            ciphers=(*_MODERN.ciphers, "chacha20-poly1305@openssh.com", "aes256-cbc", "aes128-cbc", "3des-cbc"),
            macs=(*_MODERN.macs, "hmac-sha1-etm@openssh.com", "hmac-sha1"),
            signatures=(*_MODERN.signatures, "ssh-rsa"),
            host_keys=(*_MODERN.host_keys, "ssh-rsa", "ssh-dss"),
        ),
    }
)

_HEADER: Final = 17  # type u8 + cookie 16
_LISTS: Final = 10  # name-lists of KEXINIT (RFC 4253, 7.1)


def hassh(client_kexinit: bytes) -> str:
    """HASSH: a fingerprint of the client's software from its KEXINIT; empty when that does not parse."""
    lists: list[str] = []
    position = _HEADER
    for _ in range(_LISTS):
        length = int.from_bytes(client_kexinit[position : position + 4], "big")
        if position + 4 + length > len(client_kexinit):
            return ""
        lists.append(client_kexinit[position + 4 : position + 4 + length].decode("ascii", "replace"))
        position += 4 + length
    chosen: Sequence[str] = (lists[0], lists[2], lists[4], lists[6])  # kex, ciphers, MACs, compression
    return hashlib.md5(";".join(chosen).encode(), usedforsecurity=False).hexdigest()
