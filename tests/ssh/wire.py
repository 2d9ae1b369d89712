"""A client of SSH's packets that does what no client should: for attacks. curve25519, aes128-gcm, nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"SSH-2.0-OpenSSH_9.2p1 hostile"
KEX = b"curve25519-sha256"
CIPHER = b"aes128-gcm@openssh.com"
LIMIT = 5  # seconds for any answer
OPENED: list[Wire] = []  # closed at the end of each test


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def string(data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return u32(len(data)) + data


def mpint(number: int) -> bytes:
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return string(data)


class Closed(Exception):
    """The server hung up."""


class Wire:
    """After `handshake` each `send` is one encrypted packet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.out: tuple[AESGCM, bytes, int] | None = None
        self.into: tuple[AESGCM, bytes, int] | None = None
        self.session_id = b""
        OPENED.append(self)

    @classmethod
    async def open(cls, port: int, source: str = "127.0.0.66") -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        return cls(reader, writer)

    @classmethod
    async def ready(cls, port: int, source: str = "127.0.0.66", **options) -> Wire:
        wire = await cls.open(port, source)
        await wire.handshake(**options)
        return wire

    def close(self) -> None:
        self.writer.transport.abort()

    def kexinit(self, *, strict: bool = True, kex: bytes = KEX) -> bytes:
        names = kex + (b",kex-strict-c-v00@openssh.com" if strict else b"")
        lists = [names, b"ssh-ed25519", CIPHER, CIPHER, b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b""]
        return b"\x14" + os.urandom(16) + b"".join(string(n) for n in lists) + b"\0" + u32(0)

    async def handshake(self, *, before_kexinit: bytes = b"", in_kex: bytes = b"", strict: bool = True) -> None:
        self.writer.write(VERSION + b"\r\n")
        server_version = (await self._limit(self.reader.readline())).rstrip(b"\r\n")
        if before_kexinit:
            self.send(before_kexinit)
        ours = self.kexinit(strict=strict)
        self.send(ours)
        theirs = await self.receive()
        if in_kex:
            self.send(in_kex)
        key = X25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        self.send(b"\x1e" + string(public))
        reply = await self.receive()
        if reply[0] != 31:
            raise Closed
        host_key, rest = take(reply[1:])
        server_public, _ = take(rest)
        shared = mpint(int.from_bytes(key.exchange(X25519PublicKey.from_public_bytes(server_public)), "big"))
        parts = (VERSION, server_version, ours, theirs, host_key, public, server_public)
        exchange = hashlib.sha256(b"".join(string(p) for p in parts) + shared).digest()
        self.session_id = self.session_id or exchange

        def derived(letter: bytes, length: int) -> bytes:
            return hashlib.sha256(shared + exchange + letter + self.session_id).digest()[:length]

        self.send(b"\x15")
        assert (await self.receive())[0] == 21
        self.out = (AESGCM(derived(b"C", 16)), derived(b"A", 4 + 8)[:4], int.from_bytes(derived(b"A", 12)[4:], "big"))
        self.into = (AESGCM(derived(b"D", 16)), derived(b"B", 12)[:4], int.from_bytes(derived(b"B", 12)[4:], "big"))

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, payload: bytes) -> None:
        block = 16 if self.out else 8
        padding = -(len(payload) + 1 + (0 if self.out else 4)) % block
        padding += block if padding < 4 else 0
        plain = bytes([padding]) + payload + bytes(padding)
        if self.out is None:
            self.writer.write(u32(len(plain)) + plain)
            return
        cipher, fixed, counter = self.out
        self.writer.write(u32(len(plain)) + cipher.encrypt(fixed + counter.to_bytes(8, "big"), plain, u32(len(plain))))
        self.out = (cipher, fixed, (counter + 1) & (2**64 - 1))

    async def receive(self) -> bytes:
        """The next payload that is not SSH_MSG_IGNORE or DEBUG or EXT_INFO."""
        while True:
            payload = await self._packet()
            if payload[0] not in {2, 4, 7}:
                return payload

    async def _packet(self) -> bytes:
        try:
            head = await self._limit(self.reader.readexactly(4))
            length = int.from_bytes(head, "big")
            body = await self._limit(self.reader.readexactly(length + (16 if self.into else 0)))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed from None
        if self.into is not None:
            cipher, fixed, counter = self.into
            body = cipher.decrypt(fixed + counter.to_bytes(8, "big"), body, head)
            self.into = (cipher, fixed, (counter + 1) & (2**64 - 1))
        return body[1 : length - body[0]]

    async def until_closed(self) -> list[int]:
        """The types of all packets that still come, until the server hangs up."""
        kinds = []
        try:
            while True:
                kinds.append((await self.receive())[0])
        except Closed:
            return kinds

    async def _limit(self, waiting):
        async with asyncio.timeout(LIMIT):
            return await waiting

    # --- messages

    async def service(self) -> None:
        self.send(b"\x05" + string("ssh-userauth"))
        assert (await self.receive())[0] == 6

    def request(self, name: str | bytes, method: str, rest: bytes = b"", service: str = "ssh-connection") -> None:
        self.send(b"\x32" + string(name) + string(service) + string(method) + rest)

    async def answer(self) -> bytes:
        """The next packet that is no banner."""
        while (payload := await self.receive())[0] == 53:
            pass
        return payload

    def open_session(self, *, packet: int = 32768, window: int = 1 << 21, number: int = 0) -> None:
        self.send(b"\x5a" + string("session") + u32(number) + u32(window) + u32(packet))

    async def sign_in(self, bench, name: str = "vera+ews-l4") -> None:
        """As a good client does it: password and code."""
        from tests.ssh.people import CODE, PASSWORD

        await self.service()
        self.request(name, "keyboard-interactive", string("") + string(""))
        for secret in (PASSWORD, CODE):
            assert (await self.answer())[0] == 60
            self.send(b"\x3d" + u32(1) + string(secret))
        assert (await self.answer())[0] == 52


def take(data: bytes) -> tuple[bytes, bytes]:
    length = int.from_bytes(data[:4], "big")
    return data[4 : 4 + length], data[4 + length :]
