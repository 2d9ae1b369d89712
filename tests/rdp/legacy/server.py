"""The server's side of standard RDP security, written apart from the client's, from [MS-RDPBCGR] 5.3 alone."""

import hashlib
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.rdp import mcs, x224
from gateway.rdp.gcc import SecurityServer
from gateway.rdp.tpkt import Frame, FrameKind

# The private exponent of the Terminal Services Signing Key, as 5.3.3.1.1 prints it.
SIGNING_PRIVATE = int.from_bytes(
    bytes.fromhex(
        "87a71932da1187555800161625656 8f8243ee6fae96749 94cf92cc3399e80860"
        "179a129f24ddb12499c73ab80a7b0ddd350779170b519bb3c7100113e73ff35f".replace(" ", "")
    ),
    "little",
)
SIGNING_MODULUS = int.from_bytes(
    bytes.fromhex(
        "3d3a5ebd72433ec94dbbc11e4aba5fcb3e882087eff5c1e2d7b76b9af2524595"
        "ce63656b583afeef7ce7bffe3df65c7d6c5e06091af561bb2093095f056dea87"
    ),
    "little",
)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
RANDOM = bytes(range(100, 132))
BITS = {1: 40, 2: 128, 8: 56}


def blob(modulus: int, exponent: int) -> bytes:
    size = (modulus.bit_length() + 7) // 8
    head = b"RSA1" + struct.pack("<IIII", size + 8, size * 8, size - 1, exponent)
    return head + modulus.to_bytes(size, "little") + bytes(8)


def signature(signed: bytes) -> bytes:
    framed = hashlib.md5(signed, usedforsecurity=False).digest() + b"\0" + b"\xff" * 45 + b"\1"
    return pow(int.from_bytes(framed, "little"), SIGNING_PRIVATE, SIGNING_MODULUS).to_bytes(64, "little") + bytes(8)


def proprietary(version: int = 1, key: rsa.RSAPrivateKey = KEY) -> bytes:
    """PROPRIETARYSERVERCERTIFICATE."""
    numbers = key.public_key().public_numbers()
    public = blob(numbers.n, numbers.e)
    signed = struct.pack("<IIIHH", version, 1, 1, 6, len(public)) + public
    return signed + struct.pack("<HH", 8, 72) + signature(signed)


def chain(*certificates: bytes) -> bytes:
    """X509 certificate chain, the leaf last (2.2.1.4.3.1.2)."""
    parts = b"".join(struct.pack("<I", len(one)) + one for one in certificates)
    return struct.pack("<II", 2, len(certificates)) + parts + bytes(8 + 4 * len(certificates))


def sc_security(method: int = 2, level: int = 3, certificate: bytes | None = None) -> SecurityServer:
    shown = proprietary() if certificate is None else certificate
    return SecurityServer(method, level, struct.pack("<II", 32, len(shown)) + RANDOM + shown)


class Rc4:
    """RC4 in pure Python."""

    def __init__(self, key: bytes) -> None:
        self.s, self.i, self.j = list(range(256)), 0, 0
        j = 0
        for i in range(256):
            j = (j + self.s[i] + key[i % len(key)]) & 255
            self.s[i], self.s[j] = self.s[j], self.s[i]

    def __call__(self, data: bytes) -> bytes:
        out = bytearray()
        for octet in data:
            self.i = (self.i + 1) & 255
            self.j = (self.j + self.s[self.i]) & 255
            self.s[self.i], self.s[self.j] = self.s[self.j], self.s[self.i]
            out.append(octet ^ self.s[(self.s[self.i] + self.s[self.j]) & 255])
        return bytes(out)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def sha(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def shorter(key: bytes, bits: int) -> bytes:
    return {128: key, 56: b"\xd1" + key[1:8], 40: b"\xd1\x26\x9e" + key[3:8]}[bits]


@dataclass
class Way:
    """One direction."""

    mac: bytes
    key: bytes
    bits: int
    sent: int = 0
    now: bytes = b""
    cipher: Rc4 = field(init=False)

    def __post_init__(self) -> None:
        self.now, self.cipher = self.key, Rc4(self.key)

    def turn(self) -> None:
        if self.sent and self.sent % 4096 == 0:
            mixed = md5(self.key + b"\x5c" * 48 + sha(self.key + b"\x36" * 40 + self.now))[: len(self.key)]
            self.now = shorter(Rc4(mixed)(mixed), self.bits)
            self.cipher = Rc4(self.now)
        self.sent += 1

    def sign(self, data: bytes, salted: bool) -> bytes:
        count = struct.pack("<I", self.sent - 1) if salted else b""
        inner = sha(self.mac + b"\x36" * 40 + struct.pack("<I", len(data)) + data + count)
        return md5(self.mac + b"\x5c" * 48 + inner)[:8]

    def seal(self, data: bytes, salted: bool = False) -> bytes:
        self.turn()
        return self.sign(data, salted) + self.cipher(data)

    def open(self, sealed: bytes, salted: bool = False) -> bytes:
        self.turn()
        data = self.cipher(sealed[8:])
        assert sealed[:8] == self.sign(data, salted)
        return data


class Server:
    """Keys agreed from a Security Exchange PDU's data."""

    def __init__(self, exchange: bytes, method: int = 2, key: rsa.RSAPrivateKey = KEY) -> None:
        flags, _, length = struct.unpack_from("<HHI", exchange)
        assert (flags, length) == (1, len(exchange) - 8)
        assert exchange[-8:] == bytes(8)
        numbers = key.private_numbers()
        number = pow(int.from_bytes(exchange[8:], "little"), numbers.d, numbers.public_numbers.n)
        client = number.to_bytes(32, "little")
        randoms, bits = client + RANDOM, BITS[method]

        def salted(secret: bytes, text: bytes) -> bytes:
            return md5(secret + sha(text + secret + randoms))

        premaster = client[:24] + RANDOM[:24]
        master = b"".join(salted(premaster, text) for text in (b"A", b"BB", b"CCC"))
        mac, second, third = (salted(master, text) for text in (b"X", b"YY", b"ZZZ"))
        self.client = client
        mac = shorter(mac, bits)
        self.down = Way(mac, shorter(md5(second + randoms), bits), bits)
        self.up = Way(mac, shorter(md5(third + randoms), bits), bits)

    def says(self, data: bytes, channel: int = 1003, salted: bool = False, flags: int = 0) -> Frame:
        """A Send Data Indication."""
        head = struct.pack("<HH", flags | 8 | (0x800 if salted else 0), 0)
        pdu = mcs.SendDataIndication(1002, channel, head + self.down.seal(data, salted))
        return Frame(FrameKind.SLOW, x224.data(pdu.encode()))

    def paints(self, body: bytes, salted: bool = False) -> Frame:
        """A fast-path output PDU."""
        sealed = self.down.seal(body, salted)
        return Frame(FrameKind.FAST, struct.pack(">BH", 0xC0 if salted else 0x80, 0x8000 | len(sealed) + 3) + sealed)

    def hears(self, data: bytes) -> tuple[int, bytes]:
        """Flags and what follows of the data of a Send Data Request."""
        flags, _ = struct.unpack_from("<HH", data)
        assert flags & 8
        return flags, self.up.open(data[4:], bool(flags & 0x800))
