"""`ssh -J gateway target`: the SSH to the target is answered by the gateway, inside the connection to the gateway.

A direct-tcpip channel to a target's name leads to a second server of ours (docs/adr/0015). Who is there was proved
outside; inside there is a visit like any other: held, recorded, paused, killed. It ends with its own connection, or
with the one outside.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import asyncssh

from gateway.errors import GatewayError, Refused
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.connection import InnerConnection
from gateway.fronts.ssh.names import Login
from gateway.fronts.ssh.pipe import Pipe
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.stay import Stay
from gateway.fronts.ssh.uncarried import prohibited
from gateway.identity.model import Person
from gateway.inventory.model import Protocol, Target
from gateway.limits import SSH_JUMPS
from gateway.words import NAME

SSH_PORT: Final = 22  # RFC 4253, 4.1


class Inside(Stay):
    """The connection inside: it asks for no proof, for who opened it gave it outside."""

    def __init__(self, setting: Setting, tasks: asyncio.TaskGroup, outside: Stay, source: str, target: Target) -> None:
        super().__init__(setting, tasks, source)
        self._outside, self._target = outside, target

    async def begin_auth(self, username: str) -> bool:
        """False: he is in. True: he waits, and is told so by rounds without prompts."""
        self._forget()
        try:
            person, proofs = self._outside.sign_in.person, self._outside.sign_in.proofs
            if person is None:
                raise Refused("bad_credentials", texts.FAILED)
            login = Login(person.name, self._target.name, account(self._target, person, username))
            return not await self._new_sign_in(login).proved_before(person, proofs)
        except GatewayError as error:
            self._deny(error)
            return True

    async def _open(self, host: str, port: int) -> asyncssh.SSHTCPSession[bytes]:
        if self.connection is not None and self.connection.declared(host, port) is None and port == SSH_PORT:
            self._prohibit("direct-tcpip", f"{host}:{port}", texts.NESTED)
        return await super()._open(host, port)

    def hang_up(self) -> None:
        super().hang_up()
        self._clean = self._clean and not self._outside.lost


class Jumps:
    """What leads on from one connection. INVARIANT: at most `SSH_JUMPS` at once, each to one target."""

    def __init__(self, outside: Stay, setting: Setting, source: str) -> None:
        self._outside, self._setting, self._source = outside, setting, source
        self._inside: dict[Pipe, Inside | None] = {}

    async def open(self, host: str, port: int) -> Pipe | None:
        """The session of a channel to the SSH of the target called `host`; None when it is no such thing.

        Raises:
            asyncssh.ChannelOpenError: not now, in words.
        """
        person = self._outside.sign_in.person
        target = await self._known(person, host.lower(), port) if person is not None else None
        if target is None:
            return None
        if len(self._inside) >= SSH_JUMPS:
            self._outside.refused("direct-tcpip", f"more than {SSH_JUMPS}")
            words = texts.JUMPS.format(most=SSH_JUMPS)
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, words)
        ours, theirs = socket.socketpair()
        pipe = Pipe(_everything, lambda: None)
        self._inside[pipe] = None
        try:
            await pipe.join(theirs)
            self._outside.spawn(self._serve(ours, pipe, target))
        except BaseException:
            ours.close()
            del self._inside[pipe]
            raise
        return pipe

    async def _known(self, person: Person, name: str, port: int) -> Target | None:
        """The target, when he may know of it and `port` is that of its SSH."""
        if not NAME.fullmatch(name):
            return None
        try:
            target = await self._setting.sessions.place(person, name)
        except GatewayError:
            raise prohibited(texts.UNAVAILABLE) from None
        service = target.service(Protocol.SSH) if target is not None else None
        return target if port in {SSH_PORT, service.port if service is not None else SSH_PORT} else None

    async def _serve(self, sock: socket.socket, pipe: Pipe, target: Target) -> None:
        """The second server, until its connection is gone."""
        loop, setting = asyncio.get_running_loop(), self._setting
        options = setting.host_keys.called(target.name, setting.clock.now())
        inside: Inside | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                inside = Inside(setting, tasks, self._outside, self._source, target)
                connection = InnerConnection(loop, options, inside, inside)
                await loop.connect_accepted_socket(lambda: connection, sock)
                self._inside[pipe] = inside
                try:
                    await connection.wait_closed()
                finally:
                    inside.hang_up()
        finally:
            pipe.cut_when_sent()
            self._inside.pop(pipe, None)
            if inside is not None:
                await inside.finish()

    def transport_full(self, full: bool) -> None:
        for pipe in list(self._inside):
            pipe.transport_full(full)

    def bye(self, words: str) -> None:
        for inside in self._all():
            inside.bye(words)

    def hang_up(self) -> None:
        """The connection outside is gone."""
        for pipe in list(self._inside):
            pipe.cut()
        for inside in self._all():
            inside.hang_up()

    def _all(self) -> list[Inside]:
        return [inside for inside in self._inside.values() if inside is not None]


def account(target: Target, person: Person, username: str) -> str:
    """The account that a user name inside means; empty for the default one.

    A client that is told no name sends the one that its person has on his own machine: his name here stands for the
    default account, and where there is nothing to log in to any name will do.

    Raises:
        Refused: the target has no such account; the words say which there are.
    """
    names = [account.name for account in target.accounts_for(Protocol.SSH)]
    if target.service(Protocol.SSH) is None or not names or username in {"", person.name} - set(names):
        return ""
    if username not in names:
        raise Refused("no_account", texts.accounts(target.name, username, names))
    return username


def _everything(to_person: int, to_socket: int) -> bool:  # noqa: ARG001 - what passes is recorded inside
    return True
