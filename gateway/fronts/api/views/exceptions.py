"""Exceptions: what a rule is set aside for, by whom, until when (C34, C51)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.fronts.api.views.common import Answer, Code, Moment, Name, Question, Words
from gateway.inventory.model import ExceptionState

Given = Annotated[Words, StringConstraints(min_length=1)]


class ExceptionNew(Question):
    """Proposed; nothing holds under it before an owner of the target accepts it."""

    target: Name = Field(examples=["ews-l4"])
    kind: Name = Field(
        description="`legacy-crypto`, or a word of the site's own that its policies name.", examples=["legacy-crypto"]
    )
    service: Name | Literal[""] = Field(
        default="", description="Name of the only service that it is for; empty: the target.", examples=["rdp"]
    )
    reason: Given = Field(examples=["Windows 2000, replaced in March"])
    clause: Words = Field(default="", description="Which requirement is set aside.", examples=["IEC 62443-3-3 SR 4.3"])
    compensation: Given = Field(
        description="What is done instead.", examples=["A cable of its own; an account that opens nothing else"]
    )
    expires: Moment = Field(description="366 days from now at most.")


class ExceptionAccept(Question):
    """An owner answers for it."""

    code: Code = Field(description="A fresh one-time code of the owner.")


class ExceptionView(Answer):
    """An exception and what became of it."""

    id: str = Field(examples=["exc_k3v8m2q9w7x4z6b5n2dh"])
    state: ExceptionState
    kind: str = Field(examples=["legacy-crypto"])
    target: str = Field(examples=["ews-l4"])
    target_title: str = Field(examples=["Engineering workstation line 4"])
    service: str = Field(description="Empty: the target as a whole.", examples=["rdp"])
    reason: str
    clause: str
    compensation: str
    proposed_by: str = Field(description="Title; `gateway` for one carried over.", examples=["Sam Ortega"])
    proposed: Moment
    expires: Moment
    accepted_by: str = Field(description="Title; empty for nobody.", examples=["Omar Haddad"])
    accepted: Moment | None
    ended_by: str = Field(description="Title; empty for nobody, and when its time was over.")
    ended: Moment | None
    ended_reason: str
    may: list[Literal["accept", "end"]] = Field(description="What the asker can do with it now.")


class ExceptionPage(Answer):
    """A page of exceptions, the newest proposal first."""

    exceptions: list[ExceptionView]
    cursor: str | None = Field(description="Give it back as `cursor` to read on; null at the end.")


class RiskView(Answer):
    """An exception that holds now, for somebody who decides about access."""

    id: str
    kind: str = Field(examples=["legacy-crypto"])
    service: str = Field(description="Empty: the target as a whole.")
    reason: str
    compensation: str
    expires: Moment
