"""Three measures that make asyncssh quicker and change nothing that it does (engineering/ssh.md, section 5).

1. No SSH_MSG_IGNORE before each packet: that cures a weakness of CBC alone, and is kept for CBC.
2. No formatting of log lines that nobody reads, for each packet.
3. One AES-GCM object for each key instead of one for each packet.

They are applied only if the library's code is the one that was measured; `selfcheck.py` runs with them in place.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from asyncssh.connection import SSHConnection
from asyncssh.constants import MSG_CHANNEL_DATA, MSG_IGNORE
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.packet import SSHPacketLogger
from cryptography.exceptions import InvalidTag

from gateway.fronts.ssh import express

log = structlog.get_logger()

MAC: Final = 16  # octets of an AES-GCM tag (RFC 5647, 5.3)
MEASURED: Final = {  # SHA-256 of the source of what is replaced, first 16 hex digits
    "send_packet": "fb9da7bec6dd395a",
    "_log_packet": "f3263d7da93663f1",
    "encrypt_and_sign": "adb87dbdb4f9039a",
    "verify_and_decrypt": "c09eb5b36d0f6a92",
}
EMPTY: Final = bytes(4)  # the string that the library's own SSH_MSG_IGNORE carries

_REPLACED: Final = (
    (SSHConnection, "send_packet"),
    (SSHPacketLogger, "_log_packet"),
    (GCMCipher, "encrypt_and_sign"),
    (GCMCipher, "verify_and_decrypt"),
)
STOCK: Final = {name: getattr(owner, name, None) for owner, name in _REPLACED}
_send_packet: Final = SSHConnection.send_packet


def install() -> bool:
    """Apply them for the process; False, and nothing is changed, when this asyncssh is another one."""
    unknown = [name for name, present in STOCK.items() if express.digest(present) != MEASURED[name]]
    if unknown:
        log.warning("The measures for speed do not fit this asyncssh", unknown=unknown)
        return False
    for (owner, name), replacement in zip(_REPLACED, (_send, _no_log, _encrypt, _decrypt), strict=True):
        setattr(owner, name, replacement)
    express.install()
    return True


def remove() -> None:
    """As if they had never been."""
    express.remove()
    for owner, name in _REPLACED:
        setattr(owner, name, STOCK[name])


def _send(self: Any, pkttype: int, *args: bytes, handler: Any = None) -> None:
    if pkttype == MSG_CHANNEL_DATA and express.sent(self, args):
        return
    if pkttype == MSG_IGNORE and args == (EMPTY,):
        cipher: bytes = self._enc_alg_cs if self.is_client() else self._enc_alg_sc
        if not cipher.endswith(b"-cbc"):
            return
    _send_packet(self, pkttype, *args, handler=handler)


def _no_log(self: Any, *args: object) -> None:
    """The library's log is set to errors, which no packet is."""


def _encrypt(self: Any, header: bytes, data: bytes) -> tuple[bytes, bytes]:
    sealed = express.gcm(self).encrypt(self._iv, data, header)
    self._update_iv()
    return header + sealed[:-MAC], sealed[-MAC:]


def _decrypt(self: Any, header: bytes, data: bytes, mac: bytes) -> bytes | None:
    try:
        opened: bytes | None = express.gcm(self).decrypt(self._iv, data + mac, header)
    except InvalidTag:
        opened = None
    self._update_iv()
    return opened
