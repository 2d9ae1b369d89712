"""One write a connection for each read, and packets taken one by one off the buffer: quicker, and the same octets.

    cork.install()   # once, before the first connection: True; False and one line in the log: stock speed

Stock copies the whole buffer twice for each packet in it, and hands each packet that it sends to the kernel by itself.
Strict key exchange, rekeying, sequence numbers and every check of a packet stay stock: packets under AES-GCM reach the
stock parser one at a time, and whatever else comes reaches it as it came, at once and in order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

import asyncssh
import structlog
from asyncssh.connection import SSHConnection
from asyncssh.encryption import GCMEncryption

from gateway.fronts.ssh.express import took

log = structlog.get_logger()

TESTED: Final = "2.24."  # releases whose private parts were read
LENGTH: Final = 4  # octets of a packet's length
TAG: Final = 16  # octets of AES-GCM's tag
METHODS: Final = ("data_received", "_send", "_force_close", "_recv_data", "_recv_pkthdr")
ATTRIBUTES: Final = ("_inpbuf", "_recv_handler", "_recv_encryption", "_max_recv_pktlen", "_transport")

Methods = Mapping[str, Callable[..., Any]]
_REPLACED: Final = ("data_received", "_send", "_force_close")
STOCK: Final[Methods] = MappingProxyType({name: vars(SSHConnection)[name] for name in _REPLACED})
_stock_data, _stock_send, _stock_force = (STOCK[name] for name in _REPLACED)


class _Cork(threading.local):
    """What is to be sent when the read that is being worked off is over, by connection; one for each thread."""

    def __init__(self) -> None:
        self.depth = 0
        self.waiting: dict[SSHConnection, list[bytes]] = {}


_cork = _Cork()


def install() -> bool:
    """For all connections of this process; False, and stock stays, when asyncssh is not the one that was read."""
    why = _changed()
    if why:
        log.warning("Stays with the stock buffers of asyncssh", why=why)
        return False
    _replace(dict(zip(_REPLACED, (data_received, _send, _force_close), strict=True)))
    return True


def remove() -> None:
    """Stock again. Between two reads nothing waits, so that it may be done at any time."""
    _replace(STOCK)


@contextmanager
def corked() -> Iterator[None]:
    """What is said within goes out at its end, in one write a connection. Nothing may be awaited within.

    INVARIANT: at the end of the outermost nothing waits to be sent.
    """
    _cork.depth += 1
    try:
        yield
    finally:
        _uncork()


def _uncork() -> None:
    _cork.depth -= 1
    if not _cork.depth:
        while _cork.waiting:
            _flush(next(iter(_cork.waiting)))


def data_received(self: SSHConnection, data: bytes, datatype: int | None = None) -> None:
    _cork.depth += 1
    try:
        if _whole(self):
            _packets(self, self._inpbuf + data if self._inpbuf else data)
        else:
            _stock_data(self, data, datatype)
    finally:
        _uncork()


def _whole(self: SSHConnection) -> bool:
    """Whether the stock parser stands before a packet under AES-GCM."""
    return self._recv_handler == self._recv_pkthdr and type(self._recv_encryption) is GCMEncryption


def _packets(self: SSHConnection, octets: bytes) -> None:
    """INVARIANT: `_inpbuf` and what is left of `octets` are together what came and was not parsed, in order."""
    at, size, heard, self._inpbuf = 0, len(octets), False, b""
    while size - at >= LENGTH:
        length = int.from_bytes(octets[at : at + LENGTH], "big")
        end = at + LENGTH + length + TAG
        if length > self._max_recv_pktlen:
            self._inpbuf = octets[at:]
            self._recv_data()  # which refuses it
            return
        if end > size:
            break
        if took(self, octets, at, end):
            at, heard = end, True
            if self._transport is None:
                return
            continue
        self._inpbuf, at = octets[at:end], end
        self._recv_data()
        if self._transport is None:
            return
        if self._inpbuf or not _whole(self):  # it waits for an answer, or the keys are new
            self._inpbuf += octets[at:]
            if self._inpbuf:
                self._recv_data()
            return
    self._inpbuf = octets[at:] if at else octets
    if heard:
        self._reset_keepalive_timer()


def _send(self: SSHConnection, data: bytes) -> None:
    if not _cork.depth:
        _stock_send(self, data)
    elif (packets := _cork.waiting.get(self)) is not None:
        packets.append(data)
    else:
        _cork.waiting[self] = [data]


def _force_close(self: SSHConnection, exc: Exception | None) -> None:
    """What was said before the end still goes out, as it does in stock."""
    _flush(self)
    _stock_force(self, exc)


def _flush(conn: SSHConnection) -> None:
    if packets := _cork.waiting.pop(conn, None):
        _stock_send(conn, packets[0] if len(packets) == 1 else b"".join(packets))


def _replace(methods: Methods) -> None:
    for name, method in methods.items():
        setattr(SSHConnection, name, method)


def _changed() -> str:
    """What of asyncssh is not as it was read; empty when all is."""
    if not asyncssh.__version__.startswith(TESTED):
        return f"asyncssh {asyncssh.__version__}, read was {TESTED}x"
    known = set(vars(SSHConnection)["__init__"].__code__.co_names)
    missing = [name for name in METHODS if name not in vars(SSHConnection)]
    missing += [name for name in ATTRIBUTES if name not in known]
    return f"{', '.join(missing)} are gone" if missing else ""
