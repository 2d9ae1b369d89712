"""One-time codes by time (RFC 6238): what a code means at a moment. Pure but for `new_seed`."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pyotp.totp import TOTP
from pyotp.utils import strings_equal

from gateway.limits import CODE_DRIFT_STEPS, CODE_SEARCH_STEPS

STEP: Final = 30  # seconds
DIGITS: Final = 6
SEED: Final = 20  # octets, as RFC 4226 section 4 recommends


class Meaning(StrEnum):
    RIGHT = "right"
    USED = "used"
    LATE = "late"  # of a moment that is over: the device is behind
    EARLY = "early"  # of a moment to come: the device is ahead. INVARIANT: nobody is told, for it will be right then
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code means.

    Attributes:
        step: the step it belongs to; 0 when wrong.
        skew: how far the device that made it is ahead of our clock, in whole steps.
    """

    meaning: Meaning
    step: int = 0
    skew: timedelta = timedelta(0)


def new_seed() -> str:
    """A fresh secret, base32."""
    return base64.b32encode(secrets.token_bytes(SEED)).decode()


def uri(seed: str, person: str, site: str) -> str:
    """What a QR code says to an authenticator."""
    return TOTP(seed).provisioning_uri(name=person, issuer_name=site)


def judge(seed: str, code: str, used: int, at: datetime) -> Verdict:
    """What `code` means at `at` when step `used` was the last one accepted.

    INVARIANT: a step is right at most once, and none before it afterwards, whatever the clock does.
    """
    now = step_of(at)
    code = "".join(code.split())
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return Verdict(Meaning.WRONG)
    totp, found = TOTP(seed), 0
    for step in sorted(range(now - CODE_SEARCH_STEPS, now + CODE_SEARCH_STEPS + 1), key=lambda s: -abs(s - now)):
        if strings_equal(code, totp.generate_otp(max(step, 0))):
            found = step  # no early exit: the nearest wins, and each try takes the same work
    if not found:
        return Verdict(Meaning.WRONG)
    skew = timedelta(seconds=(found - now) * STEP)
    if abs(found - now) > CODE_DRIFT_STEPS:
        return Verdict(Meaning.LATE if found < now else Meaning.EARLY, found, skew)
    return Verdict(Meaning.RIGHT if found > used else Meaning.USED, found, skew)


def step_of(at: datetime) -> int:
    return int(at.timestamp()) // STEP


def next_code(used: int, skew: timedelta, at: datetime) -> timedelta:
    """How long until a device that is ahead by `skew` shows a code later than step `used`."""
    now = at.timestamp()
    boundary = STEP - now % STEP
    return timedelta(seconds=max(boundary, (used + 1) * STEP - skew.total_seconds() - now))
