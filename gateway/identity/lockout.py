"""After too many failures tries are not looked at for a while: the rule. Pure.

Failures are counted in buckets, by what they threaten:

* name at address: 5, then 15 minutes. A stranger locks a name for his own address alone.
* name anywhere: 20, then 15 minutes, and only for addresses that the person never logged in from. It bounds guessing
  from many addresses, and the person still gets in from where he usually comes from.
* address: 20 over all names, then 5 minutes.

Wrong codes are counted apart from wrong passwords, and only after a right first factor: who knows neither password nor
key cannot lock the second step, so a person with a key is never locked out by strangers at all.
A lock never grows, and tries during it neither count nor prolong it nor fill the audit log (the event of the lock says
how long it lasts). So the last admin cannot be locked out for ever: he gets in at once with a key, from a familiar
address that no attacker shares, or from the gateway's own console, an address that nobody outside has; and 15 minutes
after the last counted failure from anywhere.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gateway.clock import ZERO
from gateway.limits import PERSON_FAILURES, PERSON_FAILURES_ANYWHERE, PERSON_LOCK, SOURCE_FAILURES, SOURCE_LOCK


@dataclass(frozen=True, slots=True)
class Rule:
    """`limit` failures within `lock` lock for `lock`."""

    limit: int
    lock: timedelta


@dataclass(frozen=True, slots=True)
class Failures:
    """How many since when; once the limit is reached, `since` is the moment of the last one."""

    count: int
    since: datetime

    def locked(self, rule: Rule, at: datetime) -> timedelta:
        """What is left of the lock; zero for none. A clock that was set far off ends a lock, never makes one longer."""
        away = abs(at - self.since)
        return rule.lock - away if self.count >= rule.limit and away < rule.lock else ZERO


def failed(before: Failures | None, rule: Rule, at: datetime) -> Failures:
    """What is remembered after one more failure, which was looked at because there was no lock."""
    if before is None or before.count >= rule.limit or abs(at - before.since) >= rule.lock:
        return Failures(1, at)
    count = before.count + 1
    return Failures(count, at if count >= rule.limit else before.since)


AT_ADDRESS: Final = Rule(PERSON_FAILURES, PERSON_LOCK)
ANYWHERE: Final = Rule(PERSON_FAILURES_ANYWHERE, PERSON_LOCK)
OF_SOURCE: Final = Rule(SOURCE_FAILURES, SOURCE_LOCK)


class Stage(StrEnum):
    PASSWORD = "password"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where failures are counted. `key` is a digest, so that odd names and addresses are bounded and inert."""

    scope: str
    key: str
    rule: Rule


def of_person(stage: Stage, name: str, source: str, *, familiar: bool) -> tuple[Bucket, ...]:
    """The buckets of a try as `name`, whether there is such a person or not."""
    here = Bucket(f"{stage}_at_address", _digest(name, network(source)), AT_ADDRESS)
    return (here,) if familiar else (here, Bucket(f"{stage}_anywhere", _digest(name), ANYWHERE))


def of_source(source: str) -> tuple[Bucket, ...]:
    return (Bucket("source", _digest(network(source)), OF_SOURCE),)


def of_token_source(source: str) -> tuple[Bucket, ...]:
    """Where API tokens that open nothing are counted. Apart from log-ins: a forgotten script locks nobody's page."""
    return (Bucket("api_token", _digest(network(source)), OF_SOURCE),)


def address(source: str) -> str:
    """`source` in one spelling: an IPv4 address inside IPv6 is that address. What is no address stays as it is."""
    try:
        parsed = ipaddress.ip_address(source)
    except ValueError:
        return source
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def network(source: str) -> str:
    """Whom an address stands for: of IPv6 the /64, because one machine has all of it."""
    plain = address(source)
    if ":" not in plain:
        return plain
    try:
        return str(ipaddress.ip_network(f"{plain.partition('%')[0]}/64", strict=False))
    except ValueError:
        return plain


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
