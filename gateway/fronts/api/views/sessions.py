"""Sessions, and what people do with a running one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.fronts.api.views.common import Answer, Code, Minutes, Moment, Question, Words
from gateway.inventory.model import Protocol
from gateway.sessions.model import EndReason, SessionState, Waiting


class HoldView(Answer):
    """Why a session does not run yet."""

    waiting: Waiting
    since: Moment
    asked: list[str] = Field(description="Who can give it.", examples=[["the control room"]])
    words: str


class EndView(Answer):
    """Why a session ended."""

    reason: EndReason
    actor: str
    words: str


class AskedView(Answer):
    """More time, asked for by the person in the session and not answered yet."""

    minutes: int
    reason: str
    at: Moment


Deed = Literal["pause", "resume", "kill", "extend", "message", "ask_extension", "watch"]


class SessionView(Answer):
    """One person's visit to one service of a target."""

    id: str = Field(examples=["ses_k3v8m2q9w7x4z6b5n2dh"])
    seq: int = Field(description="Number of its recording; 0 before it started.")
    state: SessionState
    person: str = Field(examples=["vera"])
    person_title: str
    organisation: str
    target: str
    account: str
    protocol: Protocol
    source: str = Field(description="Network address that the person came from.", examples=["192.0.2.17"])
    client: str = Field(description="What the person's software calls itself; untrusted.")
    created: Moment
    started: Moment | None
    ended: Moment | None
    deadline: Moment | None
    remaining_seconds: int | None = Field(description="Until the deadline, by both clocks.")
    last_input: Moment | None = Field(description="When the person last sent input; null when never, or over.")
    hold: HoldView | None
    end: EndView | None
    grant: str | None
    extension_asked: AskedView | None
    may: list[Deed] = Field(description="What the asker can do with it now.")


class WhyPause(Question):
    reason: Words = ""


class Kill(Question):
    """End it now."""

    reason: Words = Field(min_length=1, examples=["Unexpected writes to the PLC"])
    block_minutes: int = Field(default=0, ge=0, le=366 * 24 * 60, description="Bar the person for so long; 0: not.")


class Extend(Question):
    """More time, decided by an approver."""

    minutes: Minutes
    code: Code = Field(description="A fresh one-time code of the approver.")
    reason: Words = Field(min_length=1)


class AskExtension(Question):
    """The person in the session asks for more time."""

    minutes: Minutes
    reason: Words = Field(min_length=1)


class Message(Question):
    """A line for the person in the session."""

    words: Words = Field(min_length=1, examples=["Please finish: the shift changes at two."])
