"""Recordings for auditors: list, replay, verification, downloads. The library writes who read which into the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime
from starlette.background import BackgroundTask

from gateway.fronts.api.deps import Auditor, Everything, Id, needs
from gateway.fronts.api.pages import following
from gateway.fronts.api.records import framed, view
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.recordings import (
    ActivityBucket,
    FilePassed,
    FindingView,
    ForwardPassed,
    KeyframeView,
    RecordingDetail,
    RecordingPage,
    RecordingView,
    Records,
    StreamView,
    Timeline,
    TimelineEntry,
    VerificationView,
)
from gateway.identity.model import Scope
from gateway.ids import SessionId
from gateway.inventory.model import Protocol
from gateway.limits import NAME_OCTETS
from gateway.recording.model import Recording
from gateway.recording.playback import Detail
from gateway.recording.proof import Verification
from gateway.sessions.sql_files import Sought

router = APIRouter(tags=["recordings"], dependencies=[needs(Scope.READ)])
OCTETS: Final = "application/octet-stream"
FILES_LOOKED_AT: Final = 1000  # lines of the ledger of files
PAGE: Final = 50  # recordings in one answer
PIECE: Final = 256 << 10  # octets of a download read at once
_ONE = problems(*SIGNED_IN, 404, 409)
Word = Annotated[str, Query(max_length=NAME_OCTETS)]
Micros = Annotated[int, Query(ge=0, lt=1 << 53)]


@router.get("/recordings", summary="Recordings, newest first", responses=problems(*SIGNED_IN))
async def list_recordings(
    _who: Auditor,
    state: Everything,
    request: Request,
    response: Response,
    person: Word = "",
    target: Word = "",
    protocol: Protocol | None = None,
    file: Annotated[str, Query(max_length=1024, description="Part of the path of a file that passed.")] = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[int | None, Query(ge=1, lt=1 << 62)] = None,
) -> RecordingPage:
    """With `file`: of the sessions in which such a file passed, the newest 1000 lines of the ledger that match."""
    found = await state.recordings.find(
        person=person,
        target=target,
        since=since,
        until=until,
        protocol=protocol or "",
        sessions=await _sessions_with(state, file) if file else None,
        before=cursor,
        limit=PAGE,
    )
    more = found[-1].seq if len(found) == PAGE else None
    following(request, response, more)
    return RecordingPage(recordings=[_recording(r) for r in found], cursor=more)


@router.get("/recordings/{session_id}", summary="What a player needs before it plays", responses=_ONE)
async def get_recording(
    session_id: Id, who: Auditor, state: Everything, verify: Annotated[bool, Query()] = True
) -> RecordingDetail:
    """Without a replay key the gateway shows what the recording is, not what is in it.

    With `verify=false` the answer does not wait until the whole file has been verified: ask `/verification` beside it.
    """
    session, library = SessionId(session_id), state.recordings
    recording = await library.get(session)
    verification = await library.verification(session) if verify else None
    found = Detail({}, (), 0, ())
    if library.can_replay:
        found = await library.detail(session, actor=who.person.name, source=who.source)
    return RecordingDetail(
        recording=_recording(recording),
        replay=library.can_replay,
        about=found.about,
        streams=[
            StreamView(stream=s.stream, opened_us=s.opened_us, closed_us=s.closed_us, about=s.about)
            for s in found.streams
        ],
        duration_us=found.duration_us,
        keyframes=[KeyframeView(at_us=at) for at in found.points],
        verification=_verification(verification) if verification is not None else None,
    )


@router.get("/recordings/{session_id}/timeline", summary="Decisions, notices and activity over time", responses=_ONE)
async def get_timeline(session_id: Id, who: Auditor, state: Everything) -> Timeline:
    found = await state.recordings.timeline(SessionId(session_id), actor=who.person.name, source=who.source)
    return Timeline(
        entries=[
            TimelineEntry(at_us=e.at_us, kind=e.kind, words=e.words, actor=e.actor, value=e.value)
            for e in found.entries
        ],
        bucket_us=found.bucket_us,
        activity=[
            ActivityBucket(from_us=i * found.bucket_us, output_octets=out, input_bursts=typed)
            for i, (out, typed) in enumerate(found.activity)
        ],
        files=[FilePassed(**asdict(file)) for file in found.files],
        forwards=[ForwardPassed(**asdict(forward)) for forward in found.forwards],
    )


@router.get(
    "/recordings/{session_id}/records",
    summary="What happened in a span of time",
    response_model=Records,
    responses=_ONE | {200: {"content": {OCTETS: {}}}},
)
async def get_records(
    session_id: Id,
    who: Auditor,
    state: Everything,
    from_us: Micros = 0,
    to_us: Micros | None = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Records | Response:
    """Begins early enough for a player to paint the moment `from_us`: at the keyframes before it, or, of a desktop, at
    the request to repaint (`q`) whose picture (`f`) was whole by then. Ask on with `next_us` as `from_us`: that answer
    begins exactly where this one ended. Answers are whole segments, about 4 MiB.

    With `Accept: application/octet-stream` the records come as in the recording's file, one behind the other:
    `kind u8 | stream u16 | at_us u64 | length u32 | payload`, big-endian; `next_us` is then the header `Next-Us`, which
    is absent at the end. Desktops should be asked for in this way: as JSON they are a third longer and slow.
    """
    found = await state.recordings.records(
        SessionId(session_id), from_us, to_us, actor=who.person.name, source=who.source
    )
    if OCTETS in accept:
        headers = {"Next-Us": str(found.next_us)} if found.next_us is not None else None
        return Response(b"".join(framed(found.records)), headers=headers, media_type=OCTETS)
    return Records(records=[view(r) for r in found.records], next_us=found.next_us)


@router.get("/recordings/{session_id}/verification", summary="Whether it is whole and unchanged", responses=_ONE)
async def get_verification(session_id: Id, _who: Auditor, state: Everything) -> VerificationView:
    return _verification(await state.recordings.verification(SessionId(session_id)))


@router.get(
    "/recordings/{session_id}/download",
    summary="Everything an outsider needs to verify it: recording, log, checkpoint, key, verifier",
    responses=_ONE | {200: {"content": {"application/zip": {}}}},
    response_class=StreamingResponse,
)
async def download(session_id: Id, who: Auditor, state: Everything) -> StreamingResponse:
    session = SessionId(session_id)
    recording = await state.recordings.get(session)
    pack = await state.recordings.pack(session, actor=who.person.name, source=who.source)
    headers = _attachment(recording, "zip")
    return StreamingResponse(
        _pieces(pack), headers=headers, media_type="application/zip", background=BackgroundTask(pack.close)
    )


@router.get(
    "/recordings/{session_id}/asciicast",
    summary="One terminal as asciicast v2",
    responses=_ONE | {200: {"content": {"application/x-asciicast": {}}}},
    response_class=Response,
)
async def asciicast(
    session_id: Id, who: Auditor, state: Everything, stream: Annotated[int, Query(ge=1, lt=1 << 31)] = 1
) -> Response:
    session = SessionId(session_id)
    recording = await state.recordings.get(session)
    cast = await state.recordings.asciicast(session, stream, actor=who.person.name, source=who.source)
    return Response(cast, headers=_attachment(recording, "cast"), media_type="application/x-asciicast")


@router.get(
    "/recordings/{session_id}/text",
    summary="What was on the terminals, as plain text",
    responses=_ONE | {200: {"content": {"text/plain": {}}}},
    response_class=Response,
)
async def text(session_id: Id, who: Auditor, state: Everything) -> Response:
    session = SessionId(session_id)
    recording = await state.recordings.get(session)
    found = await state.recordings.text(session, actor=who.person.name, source=who.source)
    return Response(found, headers=_attachment(recording, "txt"), media_type="text/plain; charset=utf-8")


def _pieces(pack: BinaryIO) -> Iterator[bytes]:
    while piece := pack.read(PIECE):
        yield piece


def _attachment(recording: Recording, ending: str) -> dict[str, str]:
    """Saved, never shown: what is in a recording came from a target. The name has nothing of what people chose."""
    return {"Content-Disposition": f'attachment; filename="recording-{recording.seq:08d}.{ending}"'}


async def _sessions_with(state: Services, file: str) -> frozenset[str]:
    lines = await state.sessions.held.find(Sought(path=file, targets=None), FILES_LOOKED_AT)
    return frozenset(line.passed.session for line in lines)


def _recording(recording: Recording) -> RecordingView:
    return RecordingView(
        session=recording.session,
        seq=recording.seq,
        state=recording.state,
        person=recording.person,
        target=recording.target,
        protocol=recording.protocol,
        started=recording.started,
        ended=recording.ended,
        octets=recording.octets,
        frames=recording.frames,
    )


def _verification(found: Verification) -> VerificationView:
    findings = [FindingView(code=f.code, words=f.words, good=f.good) for f in found.findings]
    return VerificationView(verdict=found.verdict, findings=findings)
