"""Identifiers: unguessable, short enough to read out, and never re-used.

An id is `prefix_` and 20 characters of base32 without look-alikes (100 random bits).
"""

from __future__ import annotations

import secrets
from typing import Final, NewType

PersonId = NewType("PersonId", str)
OrganisationId = NewType("OrganisationId", str)
TargetId = NewType("TargetId", str)
ServiceId = NewType("ServiceId", str)
ExceptionId = NewType("ExceptionId", str)
AccountId = NewType("AccountId", str)
RequestId = NewType("RequestId", str)
GrantId = NewType("GrantId", str)
ReleaseId = NewType("ReleaseId", str)
SessionId = NewType("SessionId", str)
FileId = NewType("FileId", str)

ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH: Final = 20  # characters; log2(31) * 20 = 99 bits


def new_id(prefix: str) -> str:
    """A fresh id, e.g. `new_id("ses")` -> `ses_k3v…`. Prefixes: per org tgt svc exc acc req grt rel ses key tok."""
    return prefix + "_" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
