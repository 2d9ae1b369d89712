"""What a recording says in words: lines of its terminals, what was typed."""

from __future__ import annotations

from pydantic import Field

from gateway.fronts.api.views.common import Answer


class LineView(Answer):
    """A line that stood on a terminal."""

    at_us: int = Field(description="When it stood there, complete: where a player should go to see it.")
    stream: int
    text: str = Field(examples=["axis 4: speed 1250 1/min"])


class LinePage(Answer):
    """Lines of a part of the recording, in the order of their moments."""

    lines: list[LineView]
    next_us: int | None = Field(description="Ask on from here; null at the end of the recording.")


class TypedView(Answer):
    """A line that a person typed. Control characters are written as `\\u....`."""

    at_us: int = Field(description="When its first key was typed.")
    stream: int
    text: str = Field(description="Empty where the target echoed nothing.")
    hidden_octets: int = Field(description="Typed without echo, like a password: nobody can read them, ever.")


class TypedPage(Answer):
    """What was typed in a part of the recording."""

    lines: list[TypedView]
    next_us: int | None = Field(description="Ask on from here; null at the end of the recording.")
