"""What every question and answer is made of, and problem details (RFC 9457)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from gateway.limits import NAME_OCTETS, TEXT_CHARACTERS

ID_CHARACTERS = 64  # an id is 24; longer ones name nothing


class Answer(BaseModel):
    """An answer: made by us."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShownOnce(Answer):
    """An answer with a secret that nobody is shown again, and that is kept nowhere in clear."""


class Tagged(Answer):
    """A thing that people change."""

    etag: str = Field(description="Names this state of it; give it back as `If-Match` to change it.", examples=['"3"'])


class Question(BaseModel):
    """A body that somebody sends. A field that is not listed is refused, not ignored: nobody sets what is not his."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment with its zone; kept as UTC."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_OCTETS)]
Words = Annotated[str, StringConstraints(max_length=TEXT_CHARACTERS)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9 ]{6,8}$"), Field(examples=["287082"])]
Minutes = Annotated[int, Field(ge=1, le=7 * 24 * 60)]


class FieldProblem(Answer):
    """One field that cannot be meant."""

    field: str = Field(description="Where: the field's name, dotted for a nested one.", examples=["not_after"])
    words: str = Field(description="What was expected.", examples=["must be later than not_before"])


class Problem(Answer):
    """Problem details (RFC 9457)."""

    type: str = Field(description="Names the kind of problem.", examples=["urn:sluicegate:problem:own_request"])
    title: str = Field(description="The HTTP status in words.", examples=["Forbidden"])
    status: int = Field(examples=[403])
    detail: str = Field(
        description="Sentences for the person: what, why, what to do.",
        examples=["You asked for this access yourself. Another owner of the target has to approve it."],
    )
    code: str = Field(description="Stable word for programs.", examples=["own_request"])
    rule: str = Field(description="Which rule spoke; empty for none.", examples=["access-model 2.3"])
    errors: list[FieldProblem] = Field(default=[], description="The fields that cannot be meant.")


class Done(Answer):
    """It is done; there is nothing else to say."""

    done: bool = True


PROBLEM = "application/problem+json"

_PROBLEMS: dict[int, str] = {
    400: "The request is not well formed, or names another host.",
    401: "Nobody is signed in, or the sign-in has ended.",
    403: "Not permitted: role, policy, CSRF token or a rule says no.",
    404: "There is no such thing, or none that you may know of.",
    409: "Somebody else was faster: read again and decide again.",
    412: "It is not as you saw it: somebody else changed it. Read again and decide again.",
    413: "The body is too large.",
    422: "A field cannot be meant; `errors` names it.",
    428: "`If-Match` is missing: say which state you change.",
    429: "Too many failures: wait.",
    503: "The store or the recorder cannot answer now. Nothing was done.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of a route, for the schema: those named, and those any route can give."""
    return {
        status: {"description": _PROBLEMS[status], "content": {PROBLEM: {"schema": _REFERENCE}}}
        for status in sorted({400, 422, 503, *statuses})
    }


_REFERENCE = {"$ref": "#/components/schemas/Problem"}
IF_MATCH = (412, 428)  # what a change of a tagged thing can answer
SIGNED_IN = (401, 403, 429)  # what a route behind the sign-in, or a token, can always answer
