"""The way in from the menu: choose a target, wait for it in the channel, enter it on the same connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import asyncssh

from gateway.clock import Clock
from gateway.errors import Conflict, Refused
from gateway.fronts.ssh import menu, texts
from gateway.fronts.ssh.auth import SignIn
from gateway.fronts.ssh.hold import Patience
from gateway.fronts.ssh.ports import Connection, MenuLine, Sessions, Visit
from gateway.fronts.ssh.screen import Screen
from gateway.limits import HOLD_LONGEST

LEFT: Final = 130  # exit status of a program that Ctrl-C ended (128 + SIGINT)
LEAVING: Final = frozenset(b"\x03\x04")  # Ctrl-C, Ctrl-D
TakeKeys = Callable[[Callable[[bytes], None] | None], None]


class Desk(Protocol):
    """The connection that enters."""

    @property
    def sign_in(self) -> SignIn: ...
    @property
    def connection(self) -> Connection | None: ...

    async def enter_visit(self, visit: Visit, /) -> None: ...
    async def arrive(self, target: str, /) -> Visit: ...


class Entrance:
    """One channel at a time chooses; the others of the connection wait for it and then go where it went."""

    def __init__(self, desk: Desk, sessions: Sessions, clock: Clock) -> None:
        self._desk, self._sessions, self._clock = desk, sessions, clock
        self._turn = asyncio.Lock()

    async def enter(self, channel: asyncssh.SSHServerChannel[bytes], screen: Screen, take_keys: TakeKeys) -> int | None:
        """Choose, wait and enter: None once the connection has its target, else the exit status of the channel.

        Raises:
            Refused: there is no way in, in words.
        """
        person = self._desk.sign_in.person
        if person is None:
            raise Refused("bad_credentials", texts.FAILED)
        lines = await self._sessions.menu(person)
        if not screen.terminal:
            channel.write(menu.listing(person.title, lines).encode())
            return 0
        async with self._turn:
            if self._desk.connection is not None:
                return None
            try:
                async with asyncio.timeout(HOLD_LONGEST.total_seconds()):
                    return await self._with_terminal(screen, take_keys, person.title, lines)
            except TimeoutError:
                raise Refused("hold_over", texts.TOO_SLOW) from None

    async def _with_terminal(
        self, screen: Screen, take_keys: TakeKeys, title: str, lines: Sequence[MenuLine]
    ) -> int | None:
        screen.write(menu.listing(title, lines, "\r\n").encode())
        if not lines:
            return 0
        screen.write(menu.PROMPT.encode())
        chosen = await self._choice(screen, take_keys, len(lines))
        if isinstance(chosen, menu.Key):
            return 0
        visit = await self._desk.arrive(lines[chosen].target)
        try:
            async with asyncio.timeout(None) as stay:
                take_keys(lambda data: stay.reschedule(0) if LEAVING.intersection(data) else None)
                await self._hold(visit, screen, stay)
        except TimeoutError:
            return LEFT
        return None

    async def _choice(self, screen: Screen, take_keys: TakeKeys, count: int) -> int | menu.Key:
        chooser, choice = menu.Chooser(count), asyncio.get_running_loop().create_future()

        def keys(data: bytes) -> None:
            if choice.done():
                return
            echo, chosen = chooser.keys(data)
            screen.write(echo.encode())
            if chosen is not None:
                choice.set_result(chosen)

        take_keys(keys)
        result: int | menu.Key = await choice
        return result

    async def _hold(self, visit: Visit, screen: Screen, stay: asyncio.Timeout) -> None:
        """Until he is in; cancelled when he leaves."""
        try:
            at_once, patience = True, Patience(self._clock)
            while True:
                text = await patience.step(visit, at_once=at_once)
                at_once = False
                if text:
                    screen.write(f"\r\x1b[K{text}".encode())
                    continue
                stay.reschedule(None)
                try:
                    await self._desk.enter_visit(visit)
                except Conflict:
                    continue
                screen.write(b"\r\n")
                return
        except BaseException:
            await visit.leave()
            raise
