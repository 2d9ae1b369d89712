"""Files that passed, or wait to be delivered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.fronts.api.views.common import Answer, Code, Moment, Question, Words
from gateway.sessions.files import Verdict

Sha256 = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]


class FileView(Answer):
    """One line of the ledger: a file that was sent or fetched in a session, or that waits to be delivered."""

    id: str = Field(examples=["fil_k3v8m2q9w7x4z6b5n2dh"])
    session: str = Field(description="Where it passed; its recording has every part.")
    seq: int = Field(description="Number of that recording.")
    person: str = Field(examples=["vera"])
    person_title: str = Field(examples=["Vera Lind"])
    target: str = Field(examples=["ews-l4"])
    way: Literal["upload", "download"]
    path: str = Field(description="As the target made it canonical.", examples=["/srv/incoming/plc-v12.zip"])
    octets: int = Field(description="That passed.", examples=[184320])
    ranges: list[tuple[int, int]] = Field(description="Of the file, `[from, to)`.", examples=[[[0, 184320]]])
    sha256: str = Field(description="Of the whole file; empty when only a part passed.")
    partial: bool
    verdict: Verdict
    words: str = Field(description="Why, where there is something to say.")
    opened: Moment
    closed: Moment
    decided_by: str = Field(description="Who delivered or withheld it; empty for nobody.", examples=["omar"])
    decided_by_title: str
    decided: Moment | None
    may: list[Literal["deliver", "withhold"]] = Field(description="What the asker can do with it now.")


class FilePage(Answer):
    files: list[FileView]
    cursor: int | None = Field(description="Give it back for the next ones; null at the end.")


class Deliver(Question):
    """An owner's or operator's yes to a held file."""

    code: Code = Field(description="A fresh one-time code of the person who delivers it.")


class Withhold(Question):
    """Why it does not reach the target; the person who sent it reads it."""

    reason: Words = Field(min_length=1, examples=["This is not the version that was agreed"])
