"""The audit log as read."""

from __future__ import annotations

from pydantic import Field, JsonValue

from gateway.fronts.api.views.common import Answer, Moment


class EntryView(Answer):
    """One entry of the audit log."""

    index: int = Field(description="Place in the log, from 0 without a gap.")
    at: Moment
    name: str = Field(examples=["access.request.approved"])
    code: str = Field(examples=["GW3002I"])
    actor: str
    line: str = Field(description="Exactly the octets that the chain covers.")
    values: dict[str, JsonValue]


class EntryPage(Answer):
    """Entries, oldest first."""

    entries: list[EntryView]
    next: int | None = Field(description="Give it back as `since` to read on; null at the end.")


class CheckpointSent(Answer):
    """A checkpoint that left the box, or should have."""

    index: int = Field(description="Of the entry that says so.")
    at: Moment
    way: str = Field(description="`file`, `command` or `url`.", examples=["file"])
    size: int | None = Field(description="Entries that it covers; null when it did not leave.", examples=[1024])
    failure: str = Field(description="Why it did not leave; empty when it did.")


class CheckpointView(Answer):
    """A signed head of the log: keep it elsewhere."""

    size: int
    root: str = Field(description="Hex.")
    note: str = Field(description="C2SP signed note.")


class Health(Answer):
    """Whether the gateway can answer. It says nothing else to strangers."""

    ok: bool
