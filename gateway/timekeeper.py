"""Watches that the wall clock goes as the boot clock does; a step is an audit event (C73)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from gateway.audit.events.runtime import ClockStepped
from gateway.audit.log import AuditLog
from gateway.audit.model import CLOCK
from gateway.clock import Clock, Instant
from gateway.errors import StoreUnavailable
from gateway.store.db import Store

STEP: Final = timedelta(seconds=2)  # more than this within a second is a step, not a slew
LOOK: Final = 1.0  # seconds

log = structlog.get_logger()


def stepped(before: Instant, after: Instant) -> timedelta:
    """How far the wall clock moved beyond what passed on the boot clock; zero for less than `STEP`."""
    by = (after.wall - before.wall) - (after.boot - before.boot)
    return by if abs(by) > STEP else timedelta(0)


async def keep_time(store: Store, audit: AuditLog, clock: Clock) -> None:
    """Compare both clocks each second, until cancelled."""
    before = clock.instant()
    while True:
        await asyncio.sleep(LOOK)
        now = clock.instant()
        if by := stepped(before, now):
            event = ClockStepped(actor=CLOCK, seconds=round(by.total_seconds(), 3))
            try:
                async with store.write() as tx:
                    await audit.append(tx, event)
            except StoreUnavailable as error:
                log.error("Clock stepped, and the store is not there to note it", seconds=event.seconds, why=str(error))
        before = now
