"""What a player asks of an opened recording. Blocks: call it in a thread."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.audit.model import Entry
from gateway.recording.model import Kind, Record
from gateway.recording.reader import Player
from gateway.recording.summary import Summary, told
from gateway.recording.ticks import MICROSECOND
from gateway.recording.typed import AHEAD_US, keys_in, opened

SLICE_OCTETS: Final = 4 << 20  # payload of one answer, give or take a segment
SHOWN: Final = ("access.", "session.hold", "session.visit", "session.watch")


@dataclass(frozen=True, slots=True)
class Stream:
    """One channel of the session; `about` is its OPEN record."""

    stream: int
    opened_us: int
    closed_us: int | None
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Detail:
    """What a player needs before it plays.

    Attributes:
        about: the META record: who, what, under which grant and policy.
        points: microseconds at which a seek can land.
    """

    about: dict[str, Any]
    streams: tuple[Stream, ...]
    duration_us: int
    points: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of whole segments, input plain or HIDDEN; ask on from `next_us`, None at the end."""

    records: tuple[Record, ...]
    next_us: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """A decision, notice, hold or approval. `at_us` is negative for what came before the recording."""

    at_us: int
    kind: str
    actor: str
    words: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """`activity[i]` is (octets out, records in) of the i-th interval of `bucket_us`."""

    entries: tuple[Told, ...]
    bucket_us: int
    activity: tuple[tuple[int, int], ...]

    def with_entries(self, started: datetime, entries: Iterable[Entry]) -> Timeline:
        """Also what the audit log has of the session's request, grant, hold and visit."""
        added = [
            Told((e.at - started) // MICROSECOND, e.name, e.actor, _words(e.values()), e.values())
            for e in entries
            if e.name.startswith(SHOWN)
        ]
        both = sorted((*self.entries, *added), key=lambda told: told.at_us)
        return Timeline(tuple(both), self.bucket_us, self.activity)


def detail(player: Player) -> Detail:
    values = _summary(player)
    streams: dict[int, Stream] = {}
    for event in values["events"]:
        number, at = event["stream"], event["at_us"]
        if event["kind"] == chr(Kind.OPEN):
            streams[number] = Stream(number, at, None, _object(event["value"]))
        elif event["kind"] == chr(Kind.CLOSE) and (stream := streams.get(number)) is not None:
            streams[number] = Stream(number, stream.opened_us, at, stream.about)
    first = player.start().more() or []
    meta = next((r.payload for r in first if r.kind == Kind.META), b"{}")
    points = tuple(at for at, _ in player.points())
    return Detail(_object(told(meta.decode(errors="replace"))), tuple(streams.values()), values["duration_us"], points)


def records(player: Player, from_us: int, to_us: int | None) -> Slice:
    """Whole segments, from the one that holds `from_us` to the one before `to_us`."""
    cursor, taken, octets, next_us = player.seek(from_us), list[Record](), 0, None
    point: int | None = None
    while (found := cursor.more()) is not None:
        begins = point is not None and cursor.point_us != point
        point = cursor.point_us
        if begins and taken and (octets >= SLICE_OCTETS or (to_us is not None and point >= to_us)):
            next_us = point
            break
        taken += found
        octets += sum(len(r.payload) for r in found)
    keys = keys_in(taken)
    ahead_us, ahead = (taken[-1].at_us if taken else 0) + AHEAD_US, 0
    while found is not None and found[0].at_us <= ahead_us and ahead < SLICE_OCTETS:
        keys |= keys_in(found)
        ahead += sum(len(r.payload) for r in found)
        found = cursor.more() or None
    return Slice(tuple(opened(taken, keys)), next_us)


def timeline(player: Player) -> Timeline:
    values = _summary(player)
    entries = []
    for event in values["events"]:
        kind = {chr(Kind.DECISION): "decision", chr(Kind.NOTICE): "notice"}.get(event["kind"])
        if kind is not None:
            value = _object(event["value"])
            entries.append(Told(event["at_us"], kind, str(value.get("actor", "")), _words(value), value))
    activity = tuple((int(out), int(typed)) for out, typed in values["buckets"])
    return Timeline(tuple(entries), values["width_us"], activity)


def _summary(player: Player) -> dict[str, Any]:
    """The writer's summary; of a recording that has none, by reading all of it."""
    written = player.summary()
    if written is not None:
        values: dict[str, Any] = json.loads(written.payload)
        return values
    summary, last = Summary(), 0
    for record in player.records():
        summary.add(record.kind, record.stream, record.at_us, record.payload)
        last = record.at_us
    return summary.values(last)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"text": value}


def _words(value: dict[str, Any]) -> str:
    for name in ("words", "reason", "text", "purpose"):
        if isinstance(words := value.get(name), str) and words:
            return words
    return ""
