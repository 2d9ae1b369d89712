"""Where a play begins, and how far what was read may be trusted. Blocks: call it in a thread."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from gateway.recording.format import PICTURE, Broken
from gateway.recording.model import DESKTOPS, Kind, Record
from gateway.recording.reader import Cursor, Player

SLICE_OCTETS: Final = 4 << 20  # payload of one answer, give or take a segment
BEGINS: Final = frozenset({Kind.KEYFRAME, Kind.DESKTOP})  # what a segment may begin with before anything happens


def confirmed(cursor: Cursor, to_us: int | None) -> tuple[list[Record], list[Record] | None, int | None]:
    """Records of whole segments, those of the frame behind them, and where that begins; None at the end."""
    taken, octets, whole = list[Record](), 0, 0
    point: int | None = None
    try:
        while (found := cursor.more()) is not None:
            begins = point is not None and cursor.point_us != point
            point = cursor.point_us
            whole = len(taken) if begins else whole
            if begins and taken and (octets >= SLICE_OCTETS or (to_us is not None and point >= to_us)):
                return taken, found, point
            taken += found
            octets += sum(len(r.payload) for r in found)
    except Broken:
        if point is not None and cursor.point_us != point:  # the checkpoint behind them holds, what follows it does not
            whole, point = len(taken), cursor.point_us
        if not whole:
            raise
        return taken[:whole], None, point
    return taken, None, None


def of_desktops(player: Player) -> bool:
    return player.header.about.protocol == DESKTOPS


def seek(player: Player, from_us: int) -> Cursor:
    """To a point of the file, there: a slice before ended there, or it was given out to land on. Else to the last
    one at which every terminal is painted, or, of a desktop, to the REPAINT whose picture was whole at `from_us`.
    """
    points = tuple(at for at, _ in player.points())
    if from_us == 0 or from_us in points:
        return player.seek(from_us)
    if of_desktops(player):
        return player.seek(_whole_at(player, from_us))
    if (values := written(player)) is not None:
        points = landable(player, values["events"], points)
    return player.seek(max((at for at in points if at <= from_us), default=0))


def landable(player: Player, events: list[dict[str, Any]], points: tuple[int, ...]) -> tuple[int, ...]:
    """The points at which every terminal is painted that was open then.

    An emulator that gave up stays silent: whose last point is painted, all of his are.
    """
    bare = set[int]()
    for stream, opened_us, closed_us in _terminals(events):
        inside = [at for at in points if opened_us < at < closed_us]
        if inside and not _paints(player, inside[-1], stream):
            bare |= {at for at in inside if not _paints(player, at, stream)}
    return tuple(at for at in points if at not in bare)


def _terminals(events: list[dict[str, Any]]) -> Iterator[tuple[int, int, float]]:
    """Stream, opened, closed."""
    closed = {event["stream"]: event["at_us"] for event in events if event["kind"] == chr(Kind.CLOSE)}
    for event in events:
        if event["kind"] == chr(Kind.OPEN) and isinstance(event["value"], dict) and "columns" in event["value"]:
            yield event["stream"], event["at_us"], closed.get(event["stream"], math.inf)


def _paints(player: Player, at_us: int, stream: int) -> bool:
    """Whether the segment at this point begins with a keyframe of `stream`; also when it cannot be read at all, which
    is said when it is played.
    """
    try:
        cursor = player.seek(at_us)
        found = cursor.more() or []
    except Broken:
        return True
    return cursor.point_us == at_us and any(r.kind == Kind.KEYFRAME and r.stream == stream for r in found)


def _whole_at(player: Player, at_us: int) -> int:
    """When the last REPAINT began whose picture was whole at `at_us`; 0 when none was."""
    values = written(player)
    if values is not None:
        pictures = values.get("pictures", ())
        return max((begun for begun, done in pictures if done <= at_us), default=0)
    for cursor in player.seeks(at_us):
        if (begun := _painted(cursor, at_us)) is not None:
            return begun
    return 0


def _painted(cursor: Cursor, until_us: int) -> int | None:
    """`at` of the REPAINT that this segment begins with, if its picture was whole at `until_us`."""
    begun: int | None = None
    while (found := cursor.more()) is not None:
        for record in found:
            if record.at_us > until_us:
                return None
            if record.kind == Kind.REPAINT and begun is None:
                begun = record.at_us
            elif record.kind == Kind.PICTURE and len(record.payload) == PICTURE.size:
                return begun if PICTURE.unpack(record.payload)[0] == begun else None
            elif record.kind == Kind.REPAINT or (begun is None and record.kind not in BEGINS):
                return None
    return None


def written(player: Player) -> dict[str, Any] | None:
    """The writer's summary; None where it has none that can be read."""
    try:
        found = player.summary()
    except Broken:
        return None
    values: dict[str, Any] | None = json.loads(found.payload) if found is not None else None
    return values
