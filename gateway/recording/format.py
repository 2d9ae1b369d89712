"""sluicegate-recording/1: the octets of a recording, as docs/recording-format.md states them. Pure: no I/O, no clock.

file   = MAGIC frame*                                   integers are big-endian
frame  = length u32 | type u8 | body | link 8
h(-1)  = SHA-256(MAGIC);  h(n) = SHA-256(h(n-1) | length | type | body);  link = h(n)[:8]
record = kind u8 | stream u16 | microseconds since `started` u64 | length u32 | payload
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import GatewayError
from gateway.ids import SessionId
from gateway.limits import FRAME_OCTETS
from gateway.recording.model import About, Record

MAGIC: Final = b"sluicegate-recording/1\n"
HEAD: Final = struct.Struct(">IB")  # length of the body, type
RECORD: Final = struct.Struct(">BHQI")  # kind, stream, microseconds since `started`, length of the payload
CHECK: Final = struct.Struct(">QQQQ32s")  # n, wall clock (Unix ms), microseconds since `started`, index offset, h(n-1)
SEEK: Final = struct.Struct(">QQ")  # index entry: microseconds since `started`, offset of a checkpoint
BURST: Final = struct.Struct(">I")  # number of a burst of typed input, before its key
TYPED: Final = struct.Struct(">II")  # burst, place in the burst, before sealed octets
SIZE: Final = struct.Struct(">HH")  # columns, rows of a terminal; width, height of a desktop in pixels
PICTURE: Final = struct.Struct(">QHH")  # `at` of the REPAINT, width, height
COUNT: Final = struct.Struct(">Q")  # octets
BLOCK: Final = struct.Struct(">IBQI")  # number of a file, way (0 down, 1 up), offset, length
CARRIED: Final = struct.Struct(">QQ")  # octets so far to the person, to the target
LINK: Final = 8  # octets of h(n) behind each frame
TAG: Final = 16  # octets AES-GCM adds
SIGNATURE: Final = 64
KEY: Final = 32
HASH: Final = 32
HEADER_OCTETS: Final = 1 << 20  # a header longer than this is refused: 16 000 recipients
PAYLOAD_OCTETS: Final = 8 << 20  # of one record: leaves room for what zstd and AES-GCM add to a frame
PLAIN_OCTETS: Final = 32 << 20  # a frame that decodes to more is refused
SHORT: Final = 4096  # octets that are faster copied than hashed in a second call
STREAMS: Final = 0xFFFF  # streams of one recording
HEADER, DATA, CHECKPOINT, INDEX, END, RECOVERED = b"HDCIER"
H_MAGIC: Final = hashlib.sha256(MAGIC).digest()
BY_THE_RECORDING_KEY: Final = (CHECKPOINT, END)


class Broken(GatewayError):
    """These octets are not a recording, or were changed; says where."""


@dataclass(frozen=True, slots=True)
class Header:
    """Frame 0.

    Attributes:
        key: verifies checkpoints; fresh for each recording.
        commit: what the data key must derive to.
        wrap: age file that holds the data key.
    """

    about: About
    key: bytes
    commit: bytes
    wrap: bytes

    def encode(self, site_key: Ed25519PrivateKey) -> bytes:
        """The body of frame 0, signed by the site."""
        about = self.about
        values = {
            "site": about.site,
            "seq": about.seq,
            "session": about.session,
            "person": about.person,
            "target": about.target,
            "protocol": about.protocol,
            "started": milliseconds(about.started),
            "key": b64(self.key),
            "commit": b64(self.commit),
            "wrap": b64(self.wrap),
        }
        body = canonical(values)
        return site_key.sign(to_be_signed(HEADER, body)) + body

    @classmethod
    def decode(cls, body: bytes) -> Header:
        """The header in the body of frame 0; its signature is not checked here.

        Raises:
            Broken: anything that is not one.
        """
        if not SIGNATURE < len(body) <= HEADER_OCTETS:
            raise Broken(f"header of {len(body)} octets")
        try:
            values: dict[str, Any] = json.loads(body[SIGNATURE:])
            texts = [_text(values[name]) for name in ("session", "site", "person", "target", "protocol")]
            key, commit, wrap = (_octets(values[name]) for name in ("key", "commit", "wrap"))
            seq, started = _whole(values["seq"]), datetime.fromtimestamp(_whole(values["started"]) / 1000, UTC)
        except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError) as error:
            raise Broken(f"header: {type(error).__name__}") from None
        if len(key) != KEY or len(commit) != KEY:
            raise Broken("header: key and commitment must be 32 octets")
        session, site, person, target, protocol = texts
        return cls(About(seq, SessionId(session), site, person, target, protocol, started), key, commit, wrap)


@dataclass(frozen=True, slots=True)
class Check:
    """The body of a checkpoint (C) or end (E, R), without its signature.

    Attributes:
        frames: how many frames stand before it.
        time_ms: wall clock, Unix milliseconds; never falls within a recording.
        at_us: microseconds since `started` on the clock that nobody sets.
        index: offset of the index; 0 in a C.
        h: after those frames.
    """

    frames: int
    time_ms: int
    at_us: int
    index: int
    h: bytes

    def encode(self, kind: int, key: Ed25519PrivateKey) -> bytes:
        body = CHECK.pack(self.frames, self.time_ms, self.at_us, self.index, self.h)
        return body + key.sign(to_be_signed(kind, body))

    @classmethod
    def decode(cls, kind: int, body: bytes, key: Ed25519PublicKey) -> Check:
        """A checkpoint that `key` signed.

        Raises:
            Broken: wrong length or signature.
        """
        if len(body) != CHECK.size + SIGNATURE:
            raise Broken(f"checkpoint of {len(body)} octets, must be {CHECK.size + SIGNATURE}")
        try:
            key.verify(body[CHECK.size :], to_be_signed(kind, body[: CHECK.size]))
        except InvalidSignature:
            raise Broken("checkpoint whose signature does not hold") from None
        return cls(*CHECK.unpack(body[: CHECK.size]))


def digest(previous: bytes, head: bytes, body: bytes) -> bytes:
    """h of a frame, from the h before it."""
    if len(body) < SHORT:
        return hashlib.sha256(previous + head + body).digest()
    h = hashlib.sha256(previous + head)
    h.update(body)
    return h.digest()


def to_be_signed(kind: int, body: bytes) -> bytes:
    """What the signature of a header or checkpoint covers; `body` is without the signature."""
    return MAGIC + bytes((kind,)) + body


def nonce(n: int) -> bytes:
    """The AES-GCM nonce of frame `n`: under one key no frame has the number of another."""
    return n.to_bytes(12, "big")


def commitment(data_key: bytes) -> bytes:
    return _derive(data_key, b"commit", b"")


def frame_key(data_key: bytes, h0: bytes) -> bytes:
    """The key of data frames, bound to the header by its hash."""
    return _derive(data_key, b"frames", h0)


def _derive(data_key: bytes, info: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), KEY, salt, MAGIC + info).derive(data_key)


def pack_record(kind: int, stream: int, at_us: int, payload: bytes) -> bytes:
    return RECORD.pack(kind, stream, at_us, len(payload)) + payload


def unpack_records(plain: bytes) -> list[Record]:
    """The records of one data frame.

    Raises:
        Broken: the last one is incomplete.
    """
    records, at = [], 0
    while at < len(plain):
        start = at + RECORD.size
        if start > len(plain):
            raise Broken(f"record of {len(plain) - at} octets, its head has {RECORD.size}")
        kind, stream, at_us, length = RECORD.unpack_from(plain, at)
        at = start + length
        if at > len(plain):
            raise Broken(f"record of {length} octets, {len(plain) - start} are there")
        records.append(Record(kind, stream, at_us, plain[start:at]))
    return records


def burst_nonce(place: int) -> bytes:
    """The AES-GCM nonce of the octets at `place` in a burst: each burst has a key of its own."""
    return place.to_bytes(12, "big")


def burst_purpose(stream: int, burst: int) -> bytes:
    """What sealed input is bound to, so that a key opens nothing elsewhere."""
    return MAGIC + b"input" + stream.to_bytes(2, "big") + BURST.pack(burst)


def index_body(points: Iterable[tuple[int, int]]) -> bytes:
    """The latest points when there are more than a frame holds: a reader walks to the earlier ones."""
    body = b"".join(SEEK.pack(at_us, offset) for at_us, offset in points)
    return body[-(FRAME_OCTETS // SEEK.size * SEEK.size) :]


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def canonical(values: dict[str, Any]) -> bytes:
    """One way to write them; half a surrogate pair, that UTF-8 has no octets for, becomes a question mark."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _octets(value: object) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise TypeError
    return value
