"""How an RDP client proves who it is: X.224, TLS with the gateway's certificate, CredSSP with a ticket.

A client that offers no CredSSP is told so (HYBRID_REQUIRED_BY_SERVER) and goes; nothing of it is relayed to anybody.
A wrong, used or expired ticket is the client's own log-on failure: it asks for the password again in its own words.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import structlog

from gateway.fronts.listener import Place
from gateway.fronts.rdp.ports import Bearer
from gateway.fronts.rdp.setting import Setting
from gateway.fronts.rdp.visitor import Client
from gateway.fronts.rdp.wire import Frames, Wire
from gateway.limits import RDP_FIRST, RDP_FIRST_OCTETS, RDP_HANDSHAKE
from gateway.rdp.credssp import CredsspAcceptor, CredsspState, filetime, subject_public_key
from gateway.rdp.x224 import (
    EXTENDED_CLIENT_DATA_SUPPORTED,
    ConnectionConfirm,
    ConnectionRefused,
    ConnectionRequest,
    NegotiationFailure,
    Security,
)

log = structlog.get_logger()
OVER: Final = frozenset({CredsspState.DONE, CredsspState.FAILED})


async def proved(setting: Setting, wire: Wire, source: str, place: Place) -> Client | None:
    """The client once it has proved a ticket; None when it did not and has been told.

    Raises:
        RemoteProtocolError: it speaks something else.
        OSError: it broke off, or was too slow.
    """
    async with asyncio.timeout(RDP_FIRST.total_seconds()):
        requested = await _requested(wire)
    if requested is None:
        return None
    certificate = setting.certificate
    await wire.start_tls(certificate.context, RDP_HANDSHAKE, accepted=True)
    acceptor = CredsspAcceptor(
        subject_public_key(certificate.chain[0]),
        random=secrets.token_bytes,
        time=filetime(setting.clock.now().timestamp()),
    )
    async with asyncio.timeout(RDP_HANDSHAKE.total_seconds()):
        await _prove(setting, wire, acceptor, source)
    if acceptor.state is CredsspState.FAILED:
        setting.penalties.failed(source, setting.clock.instant().boot, mistake=True)
        await setting.tickets.failed(acceptor.user, source)
        log.info("A log-on failed", source=source, why=acceptor.failure and acceptor.failure.value)
        return None
    place.proven()
    setting.penalties.proved(source)

    async def redeem(software: str) -> Bearer:
        return await setting.tickets.redeem(acceptor.user, source, software)

    return Client(wire, Frames(wire, ahead=acceptor.rest), source, requested, redeem, browser=False)


async def _requested(wire: Wire) -> Security | None:
    """What it asked for; the answer is on its way, and nothing must be read before TLS. None: it was refused."""
    frames = Frames(wire, most=RDP_FIRST_OCTETS)
    frame = await frames.next()
    if frame is None:
        raise ConnectionResetError("nothing came")
    frames.only()
    request = ConnectionRequest.decode(frame)
    if request.protocols is None or not request.protocols & Security.HYBRID:
        await wire.send(ConnectionRefused(NegotiationFailure.HYBRID_REQUIRED).encode())
        return None
    wire.write(ConnectionConfirm(Security.HYBRID, EXTENDED_CLIENT_DATA_SUPPORTED).encode())
    return request.protocols


async def _prove(setting: Setting, wire: Wire, acceptor: CredsspAcceptor, source: str) -> None:
    while acceptor.state not in OVER:
        if acceptor.state is CredsspState.SECRET:
            acceptor.secret(await setting.tickets.hash_of(acceptor.user, source))
        else:
            data = await wire.receive()
            if not data:
                raise ConnectionResetError(f"gone in {acceptor.state.value}")
            acceptor.receive(data)
        await wire.send(acceptor.data_to_send())
