"""Channel data under AES-GCM on the shortest way: the same octets, checks and counts in less time.

Three measures beside those of `fast.py` and `cork.py`, which call here; `installed` says whether they are in force.

1. A packet of channel data that is in every way ordinary goes from decryption to its channel at once. Any other packet,
   one that was tampered with included, is left untouched to the stock parser, which decrypts it again.
2. Channel data to be sent is sealed at once, unless new keys are due or anything else is out of the ordinary.
3. The keepalive timer is not cancelled and set again for each packet; when it fires it looks how long it was silent.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import time
from typing import Any, Final

import structlog
from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHConnection
from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.encryption import GCMEncryption
from asyncssh.misc import DisconnectError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = structlog.get_logger()

LENGTH: Final = 4  # octets of a packet's length, and of a channel's number and a string's length in it
HEAD: Final = 10  # padding length u8 | type u8 | channel u32 | length u32, before the data (RFC 4254, 5.2)
PADDING: Final = 4  # octets at least (RFC 4253, 6)
MEASURED: Final = {  # SHA-256 of the source of what is done here in its place, first 16 hex digits
    (SSHConnection, "_recv_pkthdr"): "7adc4d88fe20593c",
    (SSHConnection, "_recv_packet"): "b3daa22e9763eee9",
    (SSHConnection, "_finish_recv_packet"): "e12d96db58b3524e",
    (SSHConnection, "_reset_keepalive_timer"): "7a9157707c514524",
    (SSHConnection, "_keepalive_timer_callback"): "6d8aa6656cfc6003",
    (SSHChannel, "_process_data"): "342490795c4b893c",
    (SSHChannel, "_accept_data"): "33121e9e185c9850",
}
STOCK: Final = {name: vars(SSHConnection).get(name) for name in ("_reset_keepalive_timer", "_keepalive_timer_callback")}
_process_data: Final = vars(SSHChannel)["_process_data"]


class _State:
    installed = False


def install() -> bool:
    """For all connections of this process; False, and stock stays, when this asyncssh is another one."""
    if _State.installed:
        return True
    unknown = [name for (owner, name), known in MEASURED.items() if digest(getattr(owner, name, None)) != known]
    if unknown:
        log.warning("Channel data stays on the stock way of asyncssh", unknown=unknown)
        return False
    _State.installed = True
    setattr(SSHConnection, "_reset_keepalive_timer", _heard)  # noqa: B010 - for the type checker it is a method
    setattr(SSHConnection, "_keepalive_timer_callback", _silent)  # noqa: B010
    return True


def remove() -> None:
    """Stock again, also for connections that are open."""
    _State.installed = False
    for name, method in STOCK.items():
        setattr(SSHConnection, name, method)


def digest(function: Any) -> str:
    """Of the function's source; empty when there is none."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        return ""


def gcm(cipher: Any) -> AESGCM:
    """One object a key, kept beside it."""
    found: AESGCM | None = cipher.__dict__.get("_sluicegate")
    if found is None:
        found = cipher._sluicegate = AESGCM(cipher._key)  # noqa: SLF001
    return found


def took(conn: Any, octets: bytes, at: int, end: int) -> bool:
    """Deliver the packet at `octets[at:end]`. False: nothing has happened, stock has to look at it.

    The caller has seen that it is whole, in bounds, under AES-GCM, and that the parser stands before it.
    """
    if not _State.installed or not conn._auth_complete or conn._decompressor is not None:  # noqa: SLF001
        return False
    cipher = conn._recv_encryption._cipher  # noqa: SLF001
    try:
        opened = gcm(cipher).decrypt(cipher._iv, octets[at + LENGTH : end], octets[at : at + LENGTH])  # noqa: SLF001
    except InvalidTag:
        return False
    if len(opened) <= HEAD or opened[1] != MSG_CHANNEL_DATA:
        return False
    channel = conn._channels.get(int.from_bytes(opened[2:6], "big"))  # noqa: SLF001
    length = int.from_bytes(opened[6:HEAD], "big")
    if (
        channel is None
        or HEAD + length + opened[0] != len(opened)
        or not 0 < length <= channel._recv_window  # noqa: SLF001
        or channel._recv_state != "open"  # noqa: SLF001
        or type(channel)._process_data is not _process_data  # noqa: SLF001
    ):
        return False
    cipher._update_iv()  # noqa: SLF001
    _deliver(conn, channel, opened[HEAD : HEAD + length])
    return True


def _deliver(conn: Any, channel: Any, data: bytes) -> None:
    conn._auth_final = True  # noqa: SLF001
    try:
        channel._accept_data(data)  # noqa: SLF001
    except DisconnectError as error:
        conn._send_disconnect(error.code, error.reason, error.lang)  # noqa: SLF001
        conn._force_close(error)  # noqa: SLF001
    except Exception:  # noqa: BLE001 - as stock does at this place
        conn.internal_error()
    if conn._transport:  # noqa: SLF001
        conn._recv_seq = (conn._recv_seq + 1) & 0xFFFFFFFF  # noqa: SLF001


def sent(conn: Any, args: tuple[bytes, ...]) -> bool:
    """Send a packet of channel data made of `args`. False: nothing has happened, stock has to do it."""
    encryption = conn._send_encryption  # noqa: SLF001
    if (
        not _State.installed
        or type(encryption) is not GCMEncryption
        or not conn._auth_complete  # noqa: SLF001
        or not conn._kex_complete  # noqa: SLF001
        or conn._compressor is not None  # noqa: SLF001
        or conn._rekey_bytes_sent >= conn._rekey_bytes  # noqa: SLF001
        or (conn._rekey_seconds and time.monotonic() >= conn._rekey_time)  # noqa: SLF001
    ):
        return False
    body = b"".join(args)
    padding = -(conn._send_enchdrlen + 1 + len(body)) % conn._send_blocksize  # noqa: SLF001
    if padding < PADDING:
        padding += conn._send_blocksize  # noqa: SLF001
    packet = b"".join((bytes((padding, MSG_CHANNEL_DATA)), body, os.urandom(padding)))
    header = len(packet).to_bytes(LENGTH, "big")
    cipher = encryption._cipher  # noqa: SLF001
    sealed = gcm(cipher).encrypt(cipher._iv, packet, header)  # noqa: SLF001
    cipher._update_iv()  # noqa: SLF001
    conn._send(header + sealed)  # noqa: SLF001
    conn._send_seq = (conn._send_seq + 1) & 0xFFFFFFFF  # noqa: SLF001
    conn._rekey_bytes_sent += len(packet)  # noqa: SLF001
    return True


def _heard(conn: Any) -> None:
    """In the place of `_reset_keepalive_timer`."""
    if conn._auth_complete:  # noqa: SLF001
        conn._sluicegate_heard = conn._loop.time()  # noqa: SLF001
        if conn._keepalive_timer is None:  # noqa: SLF001
            conn._set_keepalive_timer()  # noqa: SLF001


def _silent(conn: Any) -> None:
    """In the place of `_keepalive_timer_callback`, which it calls when nothing was heard for the whole interval."""
    heard = conn.__dict__.get("_sluicegate_heard", 0.0)
    left = heard + conn._keepalive_interval - conn._loop.time()  # noqa: SLF001
    if left > 0:
        conn._keepalive_timer = conn._loop.call_later(left, conn._keepalive_timer_callback)  # noqa: SLF001
    else:
        stock: Any = STOCK["_keepalive_timer_callback"]
        stock(conn)
