"""Everything but session channels: refused with words where the protocol has room for them, and on record."""

from __future__ import annotations

from typing import NoReturn

import asyncssh

from gateway.fronts.ssh import texts
from gateway.words import printable


class Uncarried(asyncssh.SSHServer):
    """What asyncssh asks before it would open a way past the recording."""

    def refused(self, kind: str, detail: str) -> None:
        """Put it on record. What the subclass does with it."""

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        self.refused("tcpip-forward", f"{listen_host}:{listen_port}")
        return False

    def unix_connection_requested(self, dest_path: str) -> NoReturn:
        self._prohibit("direct-streamlocal", dest_path, texts.STREAM_LOCAL)

    def unix_server_requested(self, listen_path: str) -> bool:
        self.refused("streamlocal-forward", listen_path)
        return False

    def tun_requested(self, unit: int | None) -> NoReturn:
        self._prohibit("tun", str(unit), texts.TUNNEL)

    def tap_requested(self, unit: int | None) -> NoReturn:
        self._prohibit("tap", str(unit), texts.TUNNEL)

    def _prohibit(self, kind: str, detail: str, words: str) -> NoReturn:
        self.refused(kind, detail)
        raise prohibited(words)


def prohibited(words: str) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, printable(words))
