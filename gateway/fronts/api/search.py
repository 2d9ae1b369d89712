"""A search through the terminals of many recordings: no index of their content exists, so each is opened and read.

An index would be a second copy of what the recordings keep sealed (decisions 8). One answer looks into a few
recordings and says where to go on; the log says which were read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from gateway.errors import Invalid, NotFound, Refused
from gateway.fronts.api.deps import Asker, Auditor, Everything, needs
from gateway.fronts.api.pages import following
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.recordings import Hit, Hits
from gateway.identity.model import Scope
from gateway.inventory.model import Protocol
from gateway.limits import NAME_OCTETS, SEARCH_CHARACTERS, SEARCH_HITS, SEARCH_PARTS, SEARCH_RECORDINGS
from gateway.recording.format import Broken
from gateway.recording.model import Recording

router = APIRouter(tags=["recordings"], dependencies=[needs(Scope.READ)])
Word = Annotated[str, Query(max_length=NAME_OCTETS)]
_PLACE: Final = re.compile(r"([1-9][0-9]{0,17})\.([0-9]{1,16})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search goes on: at `from_us` of recording `seq`, then in older ones."""

    seq: int
    from_us: int

    def __str__(self) -> str:
        return f"{self.seq}.{self.from_us}"


@router.get("/recordings/search", summary="Search what stood on all terminals", responses=problems(*SIGNED_IN))
async def search_recordings(
    who: Auditor,
    state: Everything,
    request: Request,
    response: Response,
    q: Annotated[str, Query(min_length=2, max_length=SEARCH_CHARACTERS, examples=["firmware"])],
    person: Word = "",
    target: Word = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[str, Query(max_length=40, description="As the answer before has it.")] = "",
) -> Hits:
    """Newest recording first. Narrow it by person, target and time: every recording is opened and read. An answer may
    have no hit and not be the last: ask on with `cursor` until it is null. Needs a replay key in the gateway.
    """
    if not state.recordings.can_replay:
        raise Refused("no_replay_key", "This gateway holds no key that opens recordings, so it cannot search them.")
    begun = _place(cursor)
    found = await state.recordings.find(
        person=person,
        target=target,
        since=since,
        until=until,
        protocol=Protocol.SSH,
        before=begun.seq + 1 if begun else None,
        limit=SEARCH_RECORDINGS,
    )
    hits, unread = list[Hit](), list[str]()
    on = await _scan(state, who, q, found, begun, hits, unread)
    if on is None and len(found) == SEARCH_RECORDINGS:
        on = Place(found[-1].seq - 1, 0) if found[-1].seq > 1 else None
    following(request, response, None if on is None else str(on))
    return Hits(hits=hits, unreadable=unread, cursor=None if on is None else str(on))


async def _scan(
    state: Services,
    who: Asker,
    wanted: str,
    found: list[Recording],
    begun: Place | None,
    hits: list[Hit],
    unread: list[str],
) -> Place | None:
    """Adds to `hits` and `unread`; where to go on when it came to a limit within `found`."""
    parts = SEARCH_PARTS
    for recording in found:
        from_us: int | None = begun.from_us if begun and begun.seq == recording.seq else 0
        while from_us is not None:
            if parts == 0 or len(hits) >= SEARCH_HITS:
                return Place(recording.seq, from_us)
            parts -= 1
            try:
                rows = await state.recordings.lines(
                    recording.session, wanted, from_us, actor=who.person.name, source=who.source
                )
            except (Broken, NotFound):
                unread.append(recording.session)
                break
            hits += [_hit(recording, line.at_us, line.stream, line.text) for line in rows.lines]
            from_us = rows.next_us
    return None


def _hit(recording: Recording, at_us: int, stream: int, text: str) -> Hit:
    return Hit(
        session=recording.session,
        person=recording.person,
        target=recording.target,
        started=recording.started,
        at_us=at_us,
        stream=stream,
        text=text,
    )


def _place(cursor: str) -> Place | None:
    if not cursor:
        return None
    if not (said := _PLACE.fullmatch(cursor)):
        raise Invalid("cursor", "is not one of ours; begin the search anew")
    return Place(int(said[1]), int(said[2]))
