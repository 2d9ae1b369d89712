"""The one choke point towards the plant: no other module opens a southbound connection (decision 3).

INVARIANT: no lookup, no probe, no packet before `permitted()` said yes, and the socket lives only if it still does.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Protocol as Port

from gateway.errors import LocalProtocolError, Refused
from gateway.inventory.model import Service
from gateway.limits import SOUTH_CONNECT
from gateway.sessions import texts


class Gate(Port):
    """Who answers for a southbound connection: one connection of one session."""

    def permitted(self) -> None:
        """Raises when the session may not have a connection (any more)."""
        ...

    def opened(self, south: socket.socket) -> None:
        """Called before the first packet, so that the end of the session can cut even what is not yet connected."""
        ...


class South:
    """Opens TCP connections from the configured egress address (C2, C6).

    Args:
        source: literal address to bind to; empty lets the machine choose (only a site with one address may).
    """

    def __init__(self, source: str = "") -> None:
        self._source = ipaddress.ip_address(source) if source else None

    async def connect(self, service: Service, gate: Gate) -> socket.socket:
        """A connected, non-blocking socket to `service`.

        Args:
            gate: asked before the first packet and again when connected.

        Raises:
            Refused: the target refuses, does not answer within `SOUTH_CONNECT`, or cannot be reached from here.
        """
        gate.permitted()
        try:
            address = ipaddress.ip_address(service.address)
        except ValueError:
            raise LocalProtocolError(f"service {service.id}: address must be a literal IP") from None
        if self._source is not None and self._source.version != address.version:
            raise Refused("target_unreachable", texts.TARGET_UNREACHABLE, detail=f"IPv{address.version} from elsewhere")
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        south = socket.socket(family, socket.SOCK_STREAM)
        try:
            south.setblocking(False)
            south.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._source is not None:
                south.bind((str(self._source), 0))
            gate.opened(south)
            async with asyncio.timeout(SOUTH_CONNECT.total_seconds()):
                await asyncio.get_running_loop().sock_connect(south, (str(address), service.port))
            gate.permitted()
        except OSError as error:
            south.close()
            gate.permitted()  # cut in mid-connect: that is the cause then, not the socket's error
            raise _unreached(error) from None
        except BaseException:
            south.close()
            raise
        return south


def _unreached(error: OSError) -> Refused:
    match error:
        case TimeoutError():
            return Refused("target_silent", texts.TARGET_SILENT)
        case ConnectionRefusedError():
            return Refused("target_refused", texts.TARGET_REFUSED)
        case _:
            return Refused("target_unreachable", texts.TARGET_UNREACHABLE, detail=str(error))
