"""Certificates, X.224 by hand and the two shells that carry CredSSP over asyncio TLS in these tests."""

import asyncio
import datetime as dt
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from gateway.rdp.credssp import (
    CredsspAcceptor,
    CredsspInitiator,
    CredsspState,
    filetime,
    nt_hash,
    subject_public_key,
)

PATIENCE = 60  # seconds for a peer on a busy machine
TIME = filetime(1_795_000_000)
ENDED = (CredsspState.DONE, CredsspState.FAILED)
CONFIRM_HYBRID = bytes.fromhex("030000130ed00000123400020008000200 0000")
REQUEST_HYBRID = bytes.fromhex("030000130ee000000000000100080003000000")


@dataclass(frozen=True)
class Certificate:
    """A self-signed one, as files and as DER."""

    certificate: Path
    key: Path
    der: bytes


def certificate(folder: Path, kind: str) -> Certificate:
    """`kind`: "rsa" or "ec"."""
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.test")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=9000))
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{kind}.pem", folder / f"{kind}.key"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Certificate(*files, built.public_bytes(serialization.Encoding.DER))


def acceptor(public_key: bytes, secrets_of: dict[str, str]) -> CredsspAcceptor:
    """Ours, with passwords by user."""

    def lookup(user: str) -> bytes | None:
        return nt_hash(secrets_of[user]) if user in secrets_of else None

    return CredsspAcceptor(public_key, lookup, random=secrets.token_bytes, time=TIME)


def initiator(public_key: bytes, user: str, password: str, domain: str = "") -> CredsspInitiator:
    """Ours, towards a target."""
    return CredsspInitiator(public_key, user, domain, password, random=secrets.token_bytes, time=TIME)


async def drive(
    side: CredsspAcceptor | CredsspInitiator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Until one end is there; False when the peer hung up before."""
    async with asyncio.timeout(PATIENCE):
        while True:
            writer.write(side.data_to_send())
            await writer.drain()
            if side.state in ENDED:
                return True
            data = await reader.read(4096)
            if not data:
                return False
            side.receive(data)


async def connect_nla(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """X.224 with HYBRID and TLS towards a target; gives the key of its certificate too."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST_HYBRID)
        confirm = await reader.readexactly(19)
        assert confirm[11] == 2, confirm.hex()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await writer.start_tls(context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return reader, writer, subject_public_key(der)


class Door:
    """A server that speaks X.224, TLS and CredSSP, then hangs up; keeps what became of each connection."""

    def __init__(self, shown: Certificate, bound: bytes, secrets_of: dict[str, str]) -> None:
        self._shown, self._bound, self._secrets = shown, bound, secrets_of
        self.seen: list[CredsspAcceptor] = []
        self.errors: list[BaseException] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readexactly(4)
                await reader.readexactly(int.from_bytes(head[2:], "big") - 4)
                writer.write(CONFIRM_HYBRID)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self._shown.certificate, self._shown.key)
                await writer.start_tls(context)
            ours = acceptor(self._bound, self._secrets)
            self.seen.append(ours)
            await drive(ours, reader, writer)
        except (OSError, EOFError, TimeoutError) as error:
            self.errors.append(error)
        finally:
            writer.close()
