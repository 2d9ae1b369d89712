"""What a player asks of an opened recording. Blocks: call it in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from gateway.audit.model import Entry
from gateway.recording.format import BLOCK, Broken
from gateway.recording.lines import Line, Typed, lines, typed
from gateway.recording.model import Kind, Record
from gateway.recording.reader import Player
from gateway.recording.seeking import SLICE_OCTETS, confirmed, landable, of_desktops, seek, written
from gateway.recording.summary import Summary, told
from gateway.recording.ticks import MICROSECOND
from gateway.recording.typed import AHEAD_US, keys_in, opened

SCANNED: Final = 8 << 20  # payload that one search reads, give or take a segment: half a second of a core
FOUND: Final = 1000  # lines of one answer, give or take those of a segment
CLIPBOARD: Final = "clipboard"
FORWARD: Final = "forward"  # what a channel's OPEN says it is
ENTRIES: Final = {chr(Kind.DECISION): "decision", chr(Kind.NOTICE): "notice", chr(Kind.CLIPBOARD): CLIPBOARD}
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
        points: microseconds at which a seek can land; of a desktop those at which the whole picture was there.
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
class Rows:
    """What stood on the terminals in whole segments, in the order of its moments; ask on from `next_us`."""

    lines: tuple[Line, ...]
    next_us: int | None


@dataclass(frozen=True, slots=True)
class Keys:
    """What was typed in whole segments; ask on from `next_us`."""

    lines: tuple[Typed, ...]
    next_us: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """A decision, notice, hold, approval, or a copied text. `at_us` is negative for what came before the recording."""

    at_us: int
    kind: str
    actor: str
    words: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """A file that passed, or was refused, from `opened_us` to `closed_us`; the rest is its entry in the ledger.

    Attributes:
        sha256: hexadecimal, of the whole file; "" when `partial`.
    """

    stream: int
    opened_us: int
    closed_us: int
    way: str
    path: str
    octets: int
    sha256: str
    partial: bool
    verdict: str
    words: str


@dataclass(frozen=True, slots=True)
class Forward:
    """A connection to a named service; octets are None while nobody knows them, as of a writer that died."""

    stream: int
    opened_us: int
    closed_us: int | None
    service: str
    to_person: int | None
    to_target: int | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """`activity[i]` is (octets out, records in) of the i-th interval of `bucket_us`."""

    entries: tuple[Told, ...]
    bucket_us: int
    activity: tuple[tuple[int, int], ...]
    files: tuple[File, ...] = ()
    forwards: tuple[Forward, ...] = ()

    def with_entries(self, started: datetime, entries: Iterable[Entry]) -> Timeline:
        """Also what the audit log has of the session's request, grant, hold and visit."""
        added = [
            Told((e.at - started) // MICROSECOND, e.name, e.actor, _words(e.values()), e.values())
            for e in entries
            if e.name.startswith(SHOWN)
        ]
        both = sorted((*self.entries, *added), key=lambda told: told.at_us)
        return replace(self, entries=tuple(both))


def detail(player: Player, values: dict[str, Any]) -> Detail:
    """`values` are those of `summary`."""
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
    if not of_desktops(player):
        points = landable(player, values["events"], points)
    else:
        points = (0, *(done for _, done in values.get("pictures", ())))
    return Detail(_object(told(meta.decode(errors="replace"))), tuple(streams.values()), values["duration_us"], points)


def records(player: Player, from_us: int, to_us: int | None) -> Slice:
    """Whole segments, from the one that holds `from_us` to the one before `to_us`.

    Of a desktop from the one that begins with the REPAINT whose picture was whole at `from_us`; at a `next_us`, exactly
    where the slice before ended. Nothing is handed out but what the checkpoint behind it confirmed, or what no
    checkpoint stands behind yet: where the file was changed the slice ends, and the next one fails.

    Raises:
        Broken: the first segment was changed.
    """
    cursor = seek(player, from_us)
    taken, found, next_us = confirmed(cursor, to_us)
    shown = map(_without_content, taken)
    if of_desktops(player):  # what is typed at a desktop has no key that could follow
        return Slice(tuple(opened(shown, {})), next_us)
    keys = keys_in(taken)
    ahead_us, ahead = (taken[-1].at_us if taken else 0) + AHEAD_US, 0
    with contextlib.suppress(Broken):  # without their keys some of what was typed stays hidden
        while found is not None and found[0].at_us <= ahead_us and ahead < SLICE_OCTETS:
            keys |= keys_in(found)
            ahead += sum(len(r.payload) for r in found)
            found = cursor.more() or None
    return Slice(tuple(opened(shown, keys)), next_us)


def _without_content(record: Record) -> Record:
    """Of a file that is kept in the recording a player needs to know how much passed."""
    if record.kind != Kind.BLOCK:
        return record
    return Record(record.kind, record.stream, record.at_us, record.payload[: BLOCK.size])


def rows(player: Player, from_us: int, wanted: str) -> Rows:
    """Lines of terminals that hold `wanted`, whatever the case; every line when it is empty. Of a desktop none."""
    if of_desktops(player):
        return Rows((), None)
    passage, folded, found = _Passage(player, from_us), wanted.casefold(), list[Line]()
    for line in lines(passage):
        if folded in line.text.casefold():
            found.append(line)
            passage.enough = passage.enough or len(found) >= FOUND
    return Rows(tuple(sorted(found, key=lambda line: line.at_us)), passage.next_us)


def keys(player: Player, from_us: int) -> Keys:
    """What was typed at terminals. Of a desktop nobody can know it."""
    if of_desktops(player):
        return Keys((), None)
    part = records(player, from_us, None)
    found = sorted(typed(part.records), key=lambda line: line.at_us)
    return Keys(tuple(found), part.next_us)


class _Passage:
    """Records of whole segments from the one that holds `from_us` on, until `SCANNED` or `enough`."""

    enough: bool
    next_us: int | None

    def __init__(self, player: Player, from_us: int) -> None:
        self._cursor, self.enough, self.next_us = player.seek(from_us), False, None

    def __iter__(self) -> Iterator[Record]:
        octets, point = 0, None
        while (found := self._cursor.more()) is not None:
            if point is not None and self._cursor.point_us != point and (self.enough or octets >= SCANNED):
                self.next_us = self._cursor.point_us
                return
            point = self._cursor.point_us
            octets += sum(len(record.payload) for record in found)
            yield from found


def timeline(values: dict[str, Any]) -> Timeline:
    """`values` are those of `summary`."""
    entries = []
    for event in values["events"]:
        kind = ENTRIES.get(event["kind"])
        if kind is not None:
            value = _object(event["value"])
            words = _copied(value) if kind == CLIPBOARD else _words(value)
            entries.append(Told(event["at_us"], kind, str(value.get("actor", "")), words, value))
    activity = tuple((int(out), int(typed)) for out, typed in values["buckets"])
    return Timeline(tuple(entries), values["width_us"], activity, tuple(_files(values)), tuple(_forwards(values)))


def _files(values: dict[str, Any]) -> Iterator[File]:
    """Of the entries in the recording; one that is not as the writer writes it is left out."""
    for event in values["events"]:
        value = _object(event["value"])
        if event["kind"] != chr(Kind.FILE) or value.get("of") != "entry":
            continue
        with contextlib.suppress(KeyError, TypeError, ValueError):
            took = datetime.fromisoformat(value["closed"]) - datetime.fromisoformat(value["opened"])
            closed = int(event["at_us"])
            yield File(
                int(event["stream"]), max(0, closed - max(0, took // MICROSECOND)), closed, str(value["way"]),
                str(value["path"]), int(value["octets"]), str(value["sha256"]), bool(value["partial"]),
                str(value["verdict"]), str(value["words"]),
            )  # fmt: skip


def _forwards(values: dict[str, Any]) -> Iterator[Forward]:
    found: dict[int, Forward] = {}
    for event in values["events"]:
        value, stream = _object(event["value"]), event["stream"]
        if event["kind"] == chr(Kind.OPEN) and value.get("kind") == FORWARD:
            service = str(value.get("service") or value.get("to") or "")
            found[stream] = Forward(stream, event["at_us"], None, service, None, None)
        elif event["kind"] == chr(Kind.CLOSE) and stream in found:
            down, up = (value.get(name, 0) for name in ("to_person", "to_target"))
            if isinstance(down, int) and isinstance(up, int):
                found[stream] = replace(found[stream], closed_us=event["at_us"], to_person=down, to_target=up)
    yield from found.values()


def summary(player: Player) -> dict[str, Any]:
    """The writer's summary; of a recording that has none, by reading all of it: a minute for hours of a desktop.

    Where it was changed it is read as far as checkpoints confirm it.

    Raises:
        Broken: nothing of it is confirmed.
    """
    if (values := written(player)) is not None:
        return values
    found, last = Summary(), 0
    next_us: int | None = 0
    while next_us is not None:
        try:
            taken, _, next_us = confirmed(seek(player, next_us), None)
        except Broken:
            if not last:
                raise
            break
        for record in taken:
            found.add(record.kind, record.stream, record.at_us, record.payload)
            last = record.at_us
    return found.values(last)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"text": value}


def _copied(value: dict[str, Any]) -> str:
    """How much and which way: the text itself is played, not listed."""
    where, characters = "from" if value.get("direction") == "out" else "to", value.get("characters")
    return f"Copied {where} the target, {characters} {'character' if characters == 1 else 'characters'}"


def _words(value: dict[str, Any]) -> str:
    for name in ("words", "reason", "text", "purpose"):
        if isinstance(words := value.get(name), str) and words:
            return words
    return ""
