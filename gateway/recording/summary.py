"""What a player shows before it has read a recording: its streams, its events, and when something happened. Pure.

The writer keeps one and puts it into the last segment; of a recording without one it is built by reading all of it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.recording.format import BLOCK, CARRIED, PICTURE, canonical
from gateway.recording.model import Kind

BUCKETS: Final = 2048  # intervals of the heat map; it gets coarser, never longer
FIRST_US: Final = 1_000_000  # width of an interval to begin with
PICTURES: Final = 4096  # full pictures of desktops kept; more and every second one is left out, never the latest
COPIES: Final = 1024  # texts through the clipboard; the rest are counted, and never push out what was decided
FILES_OCTETS: Final = 1 << 20  # of entries of files; the rest are counted, and never push out what was decided
EVENTS_OCTETS: Final = 1 << 20  # of streams, decisions and notices kept; the rest are counted

_TOLD: Final = {Kind.OPEN, Kind.CLOSE, Kind.DECISION, Kind.NOTICE}
_OUT: Final = {Kind.OUTPUT, Kind.ERROR, Kind.PDU}
_IN: Final = {Kind.INPUT, Kind.MOUSE, Kind.LENGTH, Kind.DISCARDED}
ENTRY: Final = b'"of":"entry"'  # of a FILE record; a quotation mark in a path is written with a backslash
DOWN: Final = 0  # way of a BLOCK
EVENT: Final = 64  # octets that an event costs beside its payload


class Summary:
    """Grows with each record. `buckets[i]` is [octets out, records in] of interval i.

    `pictures` are (REPAINT, PICTURE) of desktops, in microseconds: between the two every pixel was painted.
    """

    def __init__(self) -> None:
        self.width_us, self.buckets = FIRST_US, list[list[int]]()
        self.events: list[tuple[int, int, int, str]] = []
        self.pictures: list[tuple[int, int]] = []
        self.left_out, self._octets, self._copies, self._files = 0, 0, 0, 0
        self._carried: dict[int, tuple[int, int]] = {}  # octets of forwards, by stream

    def add(self, kind: int, stream: int, at_us: int, payload: bytes) -> None:
        if kind in _OUT:
            self._bucket(at_us)[0] += len(payload)
        elif kind in _IN:
            self._bucket(at_us)[1] += 1
        elif kind == Kind.PICTURE and len(payload) == PICTURE.size:
            if len(self.pictures) >= PICTURES:
                del self.pictures[-2::-2]
            self.pictures.append((PICTURE.unpack(payload)[0], at_us))
        elif kind == Kind.BLOCK and len(payload) >= BLOCK.size:
            _, way, _, length = BLOCK.unpack_from(payload)
            self._passed(at_us, *((length, 0) if way == DOWN else (0, length)))
        elif kind == Kind.FORWARD and len(payload) == CARRIED.size:
            before, after = self._carried.get(stream, (0, 0)), CARRIED.unpack(payload)
            self._carried[stream] = after
            self._passed(at_us, after[0] - before[0], after[1] - before[1])
        elif kind == Kind.FILE:
            self._file(stream, at_us, payload)
        elif kind == Kind.CLIPBOARD:
            if self._copies < COPIES:
                self._copies += 1
                self.events.append((kind, stream, at_us, measured(payload).decode()))
            else:
                self.left_out += 1
        elif kind in _TOLD:
            if self._octets + len(payload) <= EVENTS_OCTETS:
                self._octets += len(payload) + EVENT
                self.events.append((kind, stream, at_us, payload.decode(errors="replace")))
            else:
                self.left_out += 1

    def _passed(self, at_us: int, to_person: int, to_target: int) -> None:
        bucket = self._bucket(at_us)
        bucket[0] += max(to_person, 0)
        bucket[1] += to_target > 0

    def _file(self, stream: int, at_us: int, payload: bytes) -> None:
        """Entries alone: what was asked for is in the recording."""
        if ENTRY not in payload:
            return
        if self._files + len(payload) <= FILES_OCTETS:
            self._files += len(payload) + EVENT
            self.events.append((Kind.FILE, stream, at_us, payload.decode(errors="replace")))
        else:
            self.left_out += 1

    def _bucket(self, at_us: int) -> list[int]:
        place = at_us // self.width_us
        while place >= BUCKETS:
            pairs = [self.buckets[i : i + 2] for i in range(0, len(self.buckets), 2)]
            self.buckets = [[sum(b[0] for b in pair), sum(b[1] for b in pair)] for pair in pairs]
            self.width_us *= 2
            place = at_us // self.width_us
        while len(self.buckets) <= place:
            self.buckets.append([0, 0])
        return self.buckets[place]

    def values(self, duration_us: int) -> dict[str, Any]:
        """As JSON: what SUMMARY records hold."""
        return {
            "duration_us": duration_us,
            "width_us": self.width_us,
            "buckets": list(self.buckets),
            "pictures": list(self.pictures),
            "events": [
                {"kind": chr(kind), "stream": stream, "at_us": at_us, "value": told(text)}
                for kind, stream, at_us, text in self.events
            ],
            "left_out": self.left_out,
        }


def measured(payload: bytes) -> bytes:
    """Of a text that passed through the clipboard which way it went and how long it is, not what it says."""
    value = told(payload.decode(errors="replace"))
    said = value if isinstance(value, dict) else {}
    direction = "in" if said.get("direction") == "in" else "out"
    return canonical({"direction": direction, "characters": len(str(said.get("text", "")))})


def told(text: str) -> object:
    """The JSON of an event; the text itself where it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
