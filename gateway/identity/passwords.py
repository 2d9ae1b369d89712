"""Passwords: what is accepted as one, and argon2id off the loop, a bounded number at once."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from gateway.errors import Invalid, Refused
from gateway.limits import HASH_WAIT, HASHES_AT_ONCE, PASSWORD_LEAST, PASSWORD_MOST

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=47104, parallelism=1)  # OWASP's 46 MiB, one pass more


def accept(password: str, name: str) -> str:
    """`password`, if it may be one: length alone counts (NIST SP 800-63B 3.1.1.2), and it is not the login name.

    Raises:
        Invalid: otherwise.
    """
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise Invalid("password", f"must have {PASSWORD_LEAST} to {PASSWORD_MOST} characters")
    if password.strip().casefold() == name.casefold():
        raise Invalid("password", "must not be the login name")
    if len(set(password)) == 1:
        raise Invalid("password", "must not be one character again and again")
    return password


class Passwords:
    """Hashes and verifies; an unknown person costs the same work as a known one."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._turns = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobody = ""

    async def hash(self, password: str) -> str:
        async with _Turn(self._turns):
            return await asyncio.to_thread(self._hasher.hash, _octets(password))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether `password` is the one of `hashed`; None stands for nobody's and is never right."""
        if not self._nobody:
            self._nobody = await self.hash("nobody's password")
        if len(password) > PASSWORD_MOST:
            hashed, password = None, ""
        async with _Turn(self._turns):
            right = await asyncio.to_thread(self._same, hashed or self._nobody, _octets(password))
        return right and hashed is not None

    def _same(self, hashed: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False


class _Turn:
    """One of the turns to hash, waited for no longer than `HASH_WAIT`."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(HASH_WAIT.total_seconds()):
                await self._turns.acquire()
        except TimeoutError:
            raise Refused("busy", "Too many people are logging in at this moment. Try again in a minute.") from None

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()


def _octets(password: str) -> bytes:
    """One spelling: what one keyboard composes and another does not is the same password."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
