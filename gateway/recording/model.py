"""What is recorded: kinds of records, and how a recording is described. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from gateway.ids import SessionId


class Kind(IntEnum):
    """Kind of a record. Additive: a reader skips what it does not know, a verifier checks it all the same."""

    META = ord("m")  # JSON: who, what, under which grant and policy; first record of stream 0
    OPEN = ord("s")  # JSON: a stream opens (channel kind, command, terminal, size)
    CLOSE = ord("c")  # JSON: a stream closes (exit status or signal)
    OUTPUT = ord("o")  # octets the person saw
    ERROR = ord("e")  # octets of stderr the person saw
    INPUT = ord("i")  # typed: burst u32 | place u32 | octets sealed under the burst's key (access model, 3)
    BURST = ord("b")  # key of a burst that the target echoed: burst u32 | key 32
    LENGTH = ord("l")  # standard input so far: octets u64 | SHA-256 32; content is not kept
    RESIZE = ord("r")  # columns u16 | rows u16
    KEYFRAME = ord("k")  # terminal state: columns u16 | rows u16 | octets that paint it
    DECISION = ord("d")  # JSON: pause, resume, extension, kill, hold…
    NOTICE = ord("n")  # JSON: what the person was told
    DESKTOP = ord("w")  # a desktop has this size: width u16 | height u16
    PDU = ord("p")  # one whole PDU that the person's RDP client got
    REPAINT = ord("q")  # the target was asked to paint everything anew; begins a segment
    PICTURE = ord("f")  # everything is painted since a REPAINT: its `at` u64 | width u16 | height u16
    MOUSE = ord("u")  # pointer events that the target got, in the clear
    CLIPBOARD = ord("t")  # JSON: text that passed through the clipboard (direction, text)
    FILE = ord("a")  # JSON: a request about files, what the target answered, or the entry of a file that is closed
    BLOCK = ord("y")  # of a file: number u32 | way u8: 0 down, 1 up | offset u64 | length u32 | content, when kept
    FORWARD = ord("v")  # octets of a forward so far: to the person u64 | to the target u64; content is not kept
    DISCARDED = ord("x")  # octets u64 typed during a pause and not delivered
    SUMMARY = ord("z")  # JSON, last record of a sealed recording: streams, events, heat map; derived, a hint
    HIDDEN = ord("h")  # never in a file: what readers hand out for typed input without its key: octets u64


DESKTOPS = "rdp"  # protocol of recordings whose pictures are not known here: they begin where the target painted all
SESSION_STREAM = 0  # records about the session as a whole; streams of channels count from 1


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `at_us` counts microseconds from the recording's start, monotonic."""

    kind: int
    stream: int
    at_us: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where a recording's chain stands: h after `frames` frames (recording format, section 1)."""

    seq: int
    frames: int
    h: bytes


@dataclass(frozen=True, slots=True)
class About:
    """What the header of a recording says, in the clear: a verifier must be able to name the session."""

    seq: int
    session: SessionId
    site: str
    person: str
    target: str
    protocol: str
    started: datetime


class RecordingState(StrEnum):
    OPEN = "open"
    SEALED = "sealed"
    RECOVERED = "recovered"  # the writer died; the tail was sealed afterwards: UNCLEAN
    MISSING = "missing"
    DAMAGED = "damaged"  # does not agree with the audit log; nobody sealed it


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording as the store has it.

    Attributes:
        frames, h: its chain as last written to the audit log.
        duration: known once it is sealed; zero before, and of a recovered one up to its last checkpoint.
    """

    seq: int
    session: SessionId
    person: str
    target: str
    protocol: str
    started: datetime
    state: RecordingState
    frames: int
    h: bytes
    ended: datetime | None = None
    octets: int = 0
    duration: timedelta = timedelta(0)
    related: tuple[str, ...] = ()  # ids of the grant, request… that belong to it
    opened_entry: int = 0  # place of `recording.opened` in the audit log
    file: str = ""
