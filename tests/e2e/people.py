"""One-time codes as a person with an authenticator has them, without waiting longer than the rules demand."""

import asyncio

import pyotp

from gateway.clock import SystemClock

STEP = 30  # seconds


def now() -> int:
    """The current step (RFC 6238, 4.2)."""
    return int(SystemClock().now().timestamp()) // STEP


class Codes:
    """Codes that were not used before: those of the last, the current and the coming step, in this order.

    The gateway accepts one step of drift to either side, so that three decisions need not wait.
    """

    def __init__(self, secret: str) -> None:
        self._totp, self._last = pyotp.TOTP(secret), 0

    async def next(self) -> str:
        step = max(self._last + 1, now())
        while step > now() + 1:  # a one-time code is used once: the next one has to come
            await asyncio.sleep((step - 1) * STEP - SystemClock().now().timestamp())
        self._last = step
        return self._totp.at(step * STEP)
