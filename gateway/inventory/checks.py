"""What a declaration must look like before it is stored. Pure.

Addresses are literal: the gateway looks no name up in the plant (access model, rule 9), and nobody who can answer a
lookup can redirect a session. Any unicast address may be declared, loopback too: a target may live beside the gateway,
as the demo's does, and only an admin declares services. Refused are addresses that no machine of a plant has and that
lead elsewhere: multicast, unspecified, reserved, and link-local, where cloud hosts serve their metadata.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from gateway.errors import Invalid
from gateway.ids import PersonId
from gateway.inventory.model import CryptoProfile, Protocol
from gateway.limits import EXCEPTION_LONGEST, NAME_OCTETS
from gateway.words import name

# `+` parts the names of a log-in; what a shell, a log or a certificate's principal list could misread stays out too.
ACCOUNT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@$\\-]*")
LEVEL: Final = re.compile(r"[0-5](\.5)?")
FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
SPKI_FINGERPRINT: Final = re.compile(r"SPKI-SHA256:[A-Za-z0-9+/]{43}=?")
PERSON: Final = re.compile(r"per_[a-z0-9_-]{1,28}")
THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")


def address(text: str) -> str:
    """The one spelling of a literal address that a service may have.

    Raises:
        Invalid: a name, or an address that no machine of a plant has.
    """
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise Invalid("address", "must be a literal IP address; the gateway looks no name up in the plant") from None
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.ipv4_mapped or parsed.scope_id):
        raise Invalid("address", "must be written as IPv4, or as IPv6 without a scope")
    if parsed.is_multicast or parsed.is_unspecified or parsed.is_link_local or _reserved(parsed):
        raise Invalid("address", "must be the address of one machine, not multicast, link-local or reserved")
    return str(parsed)


def _reserved(parsed: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """`::1` counts as reserved in IPv6's oldest table, and is fine."""
    return (parsed.is_reserved and not parsed.is_loopback) or (parsed.version == 4 and parsed in THIS_NETWORK)


def port(number: int) -> int:
    if not 1 <= number <= 65535:
        raise Invalid("port", f"must be from 1 to 65535, is {number}")
    return number


def level(text: str) -> str:
    """A Purdue level.

    Raises:
        Invalid: anything else.
    """
    if not LEVEL.fullmatch(text):
        raise Invalid("level", "must be a Purdue level, 0 to 5 or a half, such as 3.5")
    return text


def account(text: str) -> str:
    """A log-in as the target spells it, e.g. `engineer`, `Administrator`, `PLANT\\svc.line4`.

    Raises:
        Invalid: anything else.
    """
    if len(text) > NAME_OCTETS or not ACCOUNT.fullmatch(text):
        raise Invalid("account", f"must be 1 to {NAME_OCTETS} of a-z A-Z 0-9 _ . @ $ \\ - and not start with a sign")
    return text


def owners(ids: Iterable[PersonId]) -> frozenset[PersonId]:
    """At least one: a target that nobody answers for can be approved by nobody.

    Raises:
        Invalid: none, or something that is no id of a person (a log-in name, say).
    """
    known = frozenset(ids)
    if not known:
        raise Invalid("owners", "must name at least one person, who approves access to the target")
    if bad := sorted(i for i in known if not PERSON.fullmatch(i)):
        raise Invalid("owners", f"must be ids of persons, {bad[0]!r} is none")
    return known


def profile(wanted: CryptoProfile, protocol: Protocol) -> CryptoProfile:
    """Raises Invalid: `legacy` for what is not RDP."""
    if wanted is CryptoProfile.LEGACY and protocol is not Protocol.RDP:
        raise Invalid("profile", "legacy is for RDP services; compat is the oldest that SSH knows")
    return wanted


def expires(moment: datetime, now: datetime) -> datetime:
    """The end of an exception that is proposed `now`.

    Raises:
        Invalid: in the past, or further off than `EXCEPTION_LONGEST`.
    """
    if moment <= now:
        raise Invalid("expires", "must not be past")
    if moment > now + EXCEPTION_LONGEST:
        raise Invalid("expires", f"must be {EXCEPTION_LONGEST.days} days from now or less")
    return moment


def service_name(protocol: Protocol, text: str) -> str:
    """What a service is called on its target: SSH and RDP as their protocol, TCP as the admin says.

    Raises:
        Invalid: a TCP service without a name or with that of another protocol, or a name for one that has its own.
    """
    if protocol is not Protocol.TCP:
        if text not in {"", protocol.value}:
            raise Invalid("name", f"is {protocol} for a service of {protocol}")
        return protocol.value
    if text in {p.value for p in Protocol}:
        raise Invalid("name", "is the name of a protocol; call it by what it is for")
    return name("name", text)


def fingerprint(text: str, protocol: Protocol) -> str:
    """The one spelling of the fingerprint of a service's key; empty for any key.

    SSH: as `ssh-keygen -l` prints it. RDP: `SPKI-SHA256:` and the SHA-256 of the certificate's SubjectPublicKeyInfo in
    base64 (as RFC 7469 2.4 pins keys), with or without its padding.

    Raises:
        Invalid: anything else.
    """
    if not text:
        return ""
    if protocol is Protocol.RDP:
        if not SPKI_FINGERPRINT.fullmatch(text):
            raise Invalid("fingerprint", "must be SPKI-SHA256: and 43 characters, the digest of the public key")
        return text.removesuffix("=")
    if not FINGERPRINT.fullmatch(text):
        raise Invalid("fingerprint", "must be SHA256: and 43 characters, as ssh-keygen -l prints it")
    return text
