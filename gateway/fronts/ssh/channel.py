"""A session channel of the client: which of its requests are taken, before anything of them is kept."""

from __future__ import annotations

import re
from typing import Final, Protocol, runtime_checkable

import asyncssh
from asyncssh.packet import SSHPacket

ENVIRONMENT: Final = re.compile(rb"LANG|LC_[A-Z_]{1,32}")
VALUE: Final = re.compile(rb"[\x21-\x7e]{0,128}")
VARIABLES: Final = 32  # of the environment that one channel may set


@runtime_checkable
class Told(Protocol):
    """A session that tells its person what was refused."""

    def refused(self, kind: str, /) -> None: ...


class FrontChannel(asyncssh.SSHServerChannel[bytes]):
    """INVARIANT: the environment holds at most `VARIABLES` of `LANG` and `LC_*`, whatever the client sends."""

    def _process_env_request(self, packet: SSHPacket) -> bool:
        key, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if not ENVIRONMENT.fullmatch(key) or not VALUE.fullmatch(value):
            return False
        if key not in self._env and len(self._env) >= VARIABLES:
            return False
        self._env[key] = value
        return True

    def _process_x11_req_request(self, packet: SSHPacket) -> bool:
        packet.get_remaining_payload()
        return self._refuse("x11")

    def _process_auth_agent_req_at_openssh_dot_com_request(  # type: ignore[override]  # its None means "later"
        self, packet: SSHPacket
    ) -> bool:
        packet.get_remaining_payload()
        return self._refuse("agent")

    def _refuse(self, kind: str) -> bool:
        if isinstance(self._session, Told):
            self._session.refused(kind)
        return False
