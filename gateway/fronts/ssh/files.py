"""What of the file permissions holds on one channel, asked anew while operations run; and what is told of refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.errors import GatewayError, Refused
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.ports import Connection, Spawn
from gateway.limits import FILE_PERMITS, FILE_REFUSALS
from gateway.policy.model import FILE_CHANNELS, Channel
from gateway.sessions import texts as session_texts
from gateway.sftp.effects import Refusal
from gateway.sftp.rules import Permission, Rules

PASSING: Final = frozenset({"paused", "unavailable"})  # refusals that say nothing of the permission itself


class Permits:
    """INVARIANT: `rules` permit only what the session core permitted when it was asked last.

    Attributes:
        on_rules: told of rules that changed.
    """

    def __init__(self, connection: Connection, spawn: Spawn) -> None:
        self._connection, self._spawn = connection, spawn
        self._refused: dict[Channel, str] = {}  # for good on this channel, with the words
        self._old = False  # the answer is older than `FILE_PERMITS`
        self.rules = Rules()
        self.on_rules: Callable[[Rules], None] = _nobody

    async def ask(self) -> Rules:
        """What is permitted now.

        Raises:
            Refused: nothing of it.
        """
        permitted, last = set[Channel](), None
        for channel in sorted(FILE_CHANNELS):
            if not self._connection.allowed(channel):
                self._refused.setdefault(channel, session_texts.channel(channel))
            elif channel not in self._refused:
                try:
                    await self._connection.permit(channel)
                    permitted.add(channel)
                except Refused as refused:
                    last = refused
                    if refused.code in PASSING:
                        raise
                    self._refused[channel] = refused.words
        if not permitted:
            if last is None:
                await self._connection.permit(Channel.SFTP_READ)  # for the record, and for the words of the core
            raise last or Refused("channel_not_granted", session_texts.channel(Channel.SFTP_READ))
        self._set(frozenset(permitted))
        self._later()
        return self.rules

    def used(self) -> None:
        """Operations run: ask again when the last answer is older than `FILE_PERMITS`."""
        if self._old:
            self._old = False
            self._spawn(self._again())

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(FILE_PERMITS.total_seconds(), self._grow_old)

    def _grow_old(self) -> None:
        self._old = True

    async def _again(self) -> None:
        """A pause says nothing of permissions; whoever else cannot answer now says no, until he can."""
        try:
            await self.ask()
        except Refused as refused:
            if refused.code != "paused":
                self._set(frozenset())
            self._later()
        except GatewayError:
            self._set(frozenset())
            self._later()

    def words(self, permission: str, path: str) -> str:  # noqa: ARG002 - the client says itself which path it was
        """Why something is refused."""
        match permission:
            case Permission.PATHS:
                return texts.file_paths(self._connection.obligations.file_paths or ())
            case Permission.UNSUPPORTED:
                return texts.FILES_UNSUPPORTED
            case Permission.HOLD:
                return session_texts.HELD
            case _:
                return self._refused.get(Channel(permission), texts.UNAVAILABLE)

    def _set(self, permitted: frozenset[Channel]) -> None:
        obligations = self._connection.obligations
        rules = Rules(
            read=Channel.SFTP_READ in permitted,
            write=Channel.SFTP_WRITE in permitted,
            delete=Channel.SFTP_DELETE in permitted,
            rename=Channel.SFTP_RENAME in permitted,
            mkdir=Channel.SFTP_MKDIR in permitted,
            paths=obligations.file_paths,
            copy=obligations.file_copy,
            hold=obligations.file_hold,
        )
        if rules != self.rules:
            self.rules = rules
            self.on_rules(rules)


class Complaints:
    """Refused operations of one channel: each is told once in the words that the client itself may not show, and put
    on record; of a flood the first ones.

    Args:
        say: a line for the person, on standard error.
        record: kind and path for the audit log.
    """

    def __init__(self, say: Callable[[str], None], record: Callable[[str, str], None]) -> None:
        self._say, self._record = say, record
        self._said: set[str] = set()
        self._many = 0

    def refused(self, refusal: Refusal) -> None:
        self._many += 1
        if self._many <= FILE_REFUSALS:
            self._record(refusal.kind, refusal.path)
        self.say_once(refusal.words)

    def say_once(self, words: str) -> None:
        if words not in self._said and len(self._said) < FILE_REFUSALS:
            self._said.add(words)
            self._say(words)


def _nobody(_: Rules) -> None:
    """A channel that has no follower yet."""
