"""Recordings: what they are, what is in them, whether they are whole."""

from __future__ import annotations

from pydantic import Field, JsonValue

from gateway.fronts.api.views.common import Answer, Moment
from gateway.recording.model import RecordingState


class RecordingView(Answer):
    """One recording, as the list shows it."""

    session: str = Field(examples=["ses_k3v8m2q9w7x4z6b5n2dh"])
    seq: int = Field(description="Without a gap over the site's life: a missing one shows.")
    state: RecordingState
    person: str
    target: str
    protocol: str
    started: Moment
    ended: Moment | None
    octets: int = Field(description="Size of the file.")
    frames: int = Field(description="Frames in the chain, as the audit log knows it.")


class RecordingPage(Answer):
    """A page of recordings, newest first."""

    recordings: list[RecordingView]
    cursor: int | None = Field(description="Give it back as `cursor` to read on; null at the end.")


class StreamView(Answer):
    """One channel of the session."""

    stream: int
    opened_us: int
    closed_us: int | None
    about: dict[str, JsonValue] = Field(description="Kind of channel, command, terminal, size.")


class KeyframeView(Answer):
    """A moment that a seek lands on: a checkpoint, or of a desktop one at which its whole picture was known."""

    at_us: int


class FindingView(Answer):
    """One thing that the verifier says."""

    code: str = Field(examples=["sealed"])
    words: str
    good: bool


class VerificationView(Answer):
    """Whether the recording is whole and unchanged, and what cannot be said."""

    verdict: str = Field(description="`verified`, `unclean` (the writer died), `open` or `broken`.")
    findings: list[FindingView]


class RecordingDetail(Answer):
    """What a player needs before it plays."""

    recording: RecordingView
    replay: bool = Field(description="Whether the gateway holds a replay key: without one it cannot show content.")
    about: dict[str, JsonValue] = Field(description="Who, what, under which grant and policy.")
    streams: list[StreamView]
    duration_us: int
    keyframes: list[KeyframeView] = Field(description="Where a seek can land.")
    verification: VerificationView | None = Field(description="Null when it was not asked for.")


class TimelineEntry(Answer):
    """A decision, notice, hold, approval or use of the clipboard, placed on the recording's time."""

    at_us: int = Field(description="Microseconds from the recording's start; negative for what came before.")
    kind: str = Field(examples=["decision"])
    words: str
    actor: str
    value: dict[str, JsonValue]


class ActivityBucket(Answer):
    """How much happened in one slice of time."""

    from_us: int
    output_octets: int
    input_bursts: int


class FilePassed(Answer):
    """A file that passed through the session, or was refused."""

    stream: int
    opened_us: int
    closed_us: int
    way: str = Field(examples=["upload"])
    path: str = Field(description="As the target canonicalised it.")
    octets: int
    sha256: str = Field(description="Of the whole file, in hex; of what passed when `partial`; empty when not known.")
    partial: bool
    verdict: str = Field(examples=["passed"])
    words: str


class ForwardPassed(Answer):
    """A connection to a named service of the target. Octets are null where the writer died before it was closed."""

    stream: int
    opened_us: int
    closed_us: int | None
    service: str
    to_person: int | None
    to_target: int | None


class Timeline(Answer):
    """What people decided and were told, what passed beside the terminals, and how busy the session was."""

    entries: list[TimelineEntry]
    bucket_us: int
    activity: list[ActivityBucket]
    files: list[FilePassed]
    forwards: list[ForwardPassed]


class RecordView(Answer):
    """One record. Octets come as base64 in `data`, structured records as `value`.

    Typed input whose key the recording does not have is kind `h`: `data` is how many octets, u64.
    """

    kind: str = Field(description="One letter, as in the recording format.", examples=["o"])
    stream: int
    at_us: int
    data: str | None = None
    value: dict[str, JsonValue] | None = None


class Records(Answer):
    """Records of a span of time, beginning at the keyframes before it."""

    records: list[RecordView]
    next_us: int | None = Field(description="Ask on from here; null at the end of the recording.")


class Hit(Answer):
    """A line that stood on a terminal."""

    session: str = Field(examples=["ses_k3v8m2q9w7x4z6b5n2dh"])
    person: str
    target: str
    started: Moment = Field(description="Of the recording.")
    at_us: int = Field(description="When the line was complete, from the recording's start.")
    stream: int
    text: str


class Hits(Answer):
    """What a search of many recordings found."""

    hits: list[Hit]
    unreadable: list[str] = Field(description="Sessions whose recording was changed or is gone: look at them.")
    cursor: str | None = Field(description="Give it back as `cursor` to search on; null at the end.")
