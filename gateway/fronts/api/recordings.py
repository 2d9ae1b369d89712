"""Recordings for auditors: list, replay, verification, downloads. Reading one is itself an audit event."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from gateway.fronts.api.deps import Auditor, Everything, Id
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.recordings import (
    RecordingDetail,
    RecordingPage,
    Records,
    Timeline,
    VerificationView,
)
from gateway.limits import NAME_OCTETS

router = APIRouter(tags=["recordings"])
_ONE = problems(*SIGNED_IN, 404)
Word = Annotated[str, Query(max_length=NAME_OCTETS)]
Micros = Annotated[int, Query(ge=0, lt=1 << 53)]


@router.get("/recordings", summary="Recordings, newest first", responses=problems(*SIGNED_IN))
async def list_recordings(
    _who: Auditor,
    state: Everything,
    person: Word = "",
    target: Word = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[int | None, Query(ge=1, lt=1 << 62)] = None,
) -> RecordingPage:
    raise NotImplementedError


@router.get("/recordings/{session_id}", summary="What a player needs before it plays", responses=_ONE)
async def get_recording(session_id: Id, who: Auditor, state: Everything) -> RecordingDetail:
    raise NotImplementedError


@router.get("/recordings/{session_id}/timeline", summary="Decisions, notices and activity over time", responses=_ONE)
async def get_timeline(session_id: Id, who: Auditor, state: Everything) -> Timeline:
    raise NotImplementedError


@router.get("/recordings/{session_id}/records", summary="What happened in a span of time", responses=_ONE)
async def get_records(
    session_id: Id, who: Auditor, state: Everything, from_us: Micros = 0, to_us: Micros = (1 << 53) - 1
) -> Records:
    """Begins at the keyframes before `from_us`, so that a player can paint that moment."""
    raise NotImplementedError


@router.get("/recordings/{session_id}/verification", summary="Whether it is whole and unchanged", responses=_ONE)
async def get_verification(session_id: Id, who: Auditor, state: Everything) -> VerificationView:
    raise NotImplementedError


@router.get(
    "/recordings/{session_id}/download",
    summary="Everything an outsider needs to verify it: recording, log, checkpoint, key, verifier",
    responses=_ONE | {200: {"content": {"application/zip": {}}}},
    response_class=Response,
)
async def download(session_id: Id, who: Auditor, state: Everything) -> Response:
    raise NotImplementedError


@router.get(
    "/recordings/{session_id}/asciicast",
    summary="The terminal as asciicast v2",
    responses=_ONE | {200: {"content": {"application/x-asciicast": {}}}},
    response_class=Response,
)
async def asciicast(session_id: Id, who: Auditor, state: Everything) -> Response:
    raise NotImplementedError


@router.get(
    "/recordings/{session_id}/text",
    summary="What was on the terminal, as plain text",
    responses=_ONE | {200: {"content": {"text/plain": {}}}},
    response_class=Response,
)
async def text(session_id: Id, who: Auditor, state: Everything) -> Response:
    raise NotImplementedError
