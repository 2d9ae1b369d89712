"""Growing penalties for sources that fail, before any octet of theirs is read. Pure: time comes in."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from gateway.clock import ZERO
from gateway.limits import PENALTY_FIRST, PENALTY_MOST, PENALTY_SOURCES

SITE_PREFIX = 64  # bits of an IPv6 address that one customer line has for itself: one source


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 of an IPv6 address; anything else counts as itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, SITE_PREFIX), strict=False))


@dataclass(frozen=True, slots=True)
class Penalty:
    """INVARIANT: `until` is `lasting` after the failure that caused it, the `failures`-th in a row."""

    lasting: timedelta
    until: timedelta
    failures: int


class Penalties:
    """A failure makes its source wait `first`; each further one doubles that, up to `most`. `free` mistakes cost none.

    A source that stayed away for `most` after its penalty is as good as new. When `capacity` sources are known, the one
    that failed longest ago is forgotten: a flood from many addresses shuts nobody else out.
    """

    def __init__(
        self,
        first: timedelta = PENALTY_FIRST,
        most: timedelta = PENALTY_MOST,
        capacity: int = PENALTY_SOURCES,
        *,
        free: int = 0,
    ) -> None:
        self._first, self._most, self._capacity, self._free = first, most, capacity, free
        self._known: dict[str, Penalty] = {}  # in order of their last failure

    def failed(self, address: str, at: timedelta, *, mistake: bool = False) -> timedelta:
        """Count a failure at boot time `at`; how long its source waits from now. A `mistake` is what people make."""
        source = source_of(address)
        before = self._known.pop(source, None)
        lasting, failures = self._first, 1
        if before is not None and at < before.until + self._most:
            lasting, failures = min(before.lasting * 2 or self._first, self._most), before.failures + 1
        if mistake and failures <= self._free:
            lasting = ZERO
        self._known[source] = Penalty(lasting, at + lasting, failures)
        while len(self._known) > self._capacity:
            del self._known[next(iter(self._known))]
        return lasting

    def waits(self, address: str, at: timedelta) -> timedelta:
        """How long the source must still wait; zero when it may come."""
        known = self._known.get(source_of(address))
        return ZERO if known is None else max(known.until - at, ZERO)

    def proved(self, address: str) -> None:
        """Somebody from there proved who he is: what went before is forgotten."""
        self._known.pop(source_of(address), None)

    def __len__(self) -> int:
        return len(self._known)
