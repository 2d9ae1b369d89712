"""How a browser begins: one RDCleanPath message with a ticket of the page; its TLS is the WebSocket's.

Whoever it is has signed in on the page already, and the ticket must be his own.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from gateway.errors import GatewayError, Refused, RemoteProtocolError
from gateway.fronts.ports import WebChannel
from gateway.fronts.rdp.ports import Bearer
from gateway.fronts.rdp.setting import Setting
from gateway.fronts.rdp.visitor import Client
from gateway.fronts.rdp.wire import Frames, WebLine
from gateway.identity.model import Person
from gateway.limits import RDP_FIRST, RDP_FIRST_MESSAGE, RDP_FIRST_OCTETS
from gateway.rdp import cleanpath
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import EXTENDED_CLIENT_DATA_SUPPORTED, ConnectionConfirm, ConnectionRequest, Security

log = structlog.get_logger()
SOFTWARE: Final = "the gateway's page"
GENERAL: Final = 1  # RDCleanPathErr.error_code of a refusal that carries an HTTP status
BAD_REQUEST: Final = 400
UNAUTHORISED: Final = 401
UNAVAILABLE: Final = 503


async def proved(setting: Setting, channel: WebChannel, person: Person, source: str) -> Client | None:
    """The client once its ticket was found to be good; None when it was not and the page has been told."""
    line = WebLine(channel)
    try:
        async with asyncio.timeout(RDP_FIRST.total_seconds()):
            message = await channel.receive()
        if len(message) > RDP_FIRST_MESSAGE:
            raise RemoteProtocolError(f"first message of {len(message)} octets, must be {RDP_FIRST_MESSAGE} or less")
        request = cleanpath.Request.decode(message)
        asked = _asked(request.x224)
    except (RemoteProtocolError, TimeoutError) as error:
        log.info("A page broke the protocol", source=source, why=str(error))
        await line.send(cleanpath.error(GENERAL, BAD_REQUEST))
        await channel.close("bad request")
        return None
    try:
        bearer = await setting.tickets.redeem_web(request.token, person, source, SOFTWARE)
    except GatewayError as error:
        refused = isinstance(error, Refused)
        await line.send(cleanpath.error(GENERAL, UNAUTHORISED if refused else UNAVAILABLE))
        await channel.close(error.words if isinstance(error, Refused) else "unavailable")
        return None
    confirm = ConnectionConfirm(Security.TLS, EXTENDED_CLIENT_DATA_SUPPORTED).encode()
    await line.send(cleanpath.response(confirm, setting.certificate.chain, bearer.target))

    async def redeem(_: str) -> Bearer:
        return bearer

    return Client(line, Frames(line), source, asked, redeem, browser=True)


def _asked(x224: bytes) -> Security:
    frames = Framer(RDP_FIRST_OCTETS)
    found = frames.feed(x224)
    if len(found) != 1 or frames.pending:
        raise RemoteProtocolError("RDCleanPath: one connection request expected")
    protocols = ConnectionRequest.decode(found[0]).protocols
    return Security.RDP if protocols is None else protocols
