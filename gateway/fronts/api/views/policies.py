"""Policy versions, and questions about what a policy means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.fronts.api.views.access import Digest
from gateway.fronts.api.views.common import Answer, Code, Moment, Name, Question, Words
from gateway.identity.model import Factor
from gateway.inventory.model import Protocol
from gateway.limits import POLICY_FILES, POLICY_OCTETS
from gateway.policy.model import Channel
from gateway.policy.versions import VersionState

Text = Annotated[str, StringConstraints(max_length=POLICY_OCTETS)]
Version = Annotated[str, StringConstraints(max_length=32)]
FILES = {
    "schema.cedarschema": "entity Role enum […",
    "20-t1.cedar": '@id("t1.standard-cell") …',
    "tests/tiers.toml": "[[case]] …",
}


class PolicySet(Question):
    files: dict[str, Text] = Field(
        max_length=POLICY_FILES,
        description="Texts by name: schema.cedarschema, NAME.cedar, tests/NAME.toml.",
        examples=[FILES],
    )


class PolicyNew(PolicySet):
    note: Words = Field(min_length=1, description="What it changes and why.", examples=["Kranz may upload on line 4"])


class PolicyCompare(PolicySet):
    against: Version = Field(default="", description="The version it would replace; empty: the active one.")


class PolicySign(Question):
    """A second person's yes to exactly what he was shown."""

    code: Code = Field(description="A fresh one-time code of the signer.")
    digest: Digest = Field(description="`digest` of the version as it was shown.")


class PolicyActivate(Question):
    code: Code = Field(description="A fresh one-time code of the admin.")


class DeedView(Answer):
    """Who did something, and when."""

    name: str = Field(examples=["sam"])
    title: str = Field(examples=["Sam Okafor"])
    at: Moment


class PolicyHead(Answer):
    """A policy version without its files."""

    id: str = Field(description="The first digits of `digest`; decisions carry it.", examples=["3f9a0c71b2de"])
    number: int = Field(description="In the order of proposals, from 1.", examples=[7])
    digest: str = Field(description="SHA-256 over every file.")
    state: VersionState
    note: str
    proposed: DeedView
    signed: DeedView | None = Field(description="Null while nobody signed it.")
    activated: DeedView | None = Field(description="The newest time.")
    retired: Moment | None
    may: list[Literal["sign", "activate"]] = Field(description="What the asker can do with it now.")


class PolicyView(PolicyHead):
    files: dict[str, str] = Field(description="Texts by name.", examples=[FILES])


class PolicyList(Answer):
    """Every policy version, newest first."""

    active: str = Field(description="The version that decides.", examples=["3f9a0c71b2de"])
    trouble: str = Field(description="What is wrong with the policy now, in words; empty for nothing.")
    versions: list[PolicyHead]


class CaseRunView(Answer):
    """The outcome of a policy set's own cases."""

    cases: int = Field(examples=[24])
    failures: list[str] = Field(description="A sentence each: file, case, what was expected and what came.")


class ValidationView(CaseRunView):
    """A policy set that can be loaded; one that cannot is a problem with `errors`."""

    version: str = Field(description="What it would be called.", examples=["3f9a0c71b2de"])
    rules: list[str] = Field(description="Its rules by id.", examples=[["t1.standard-cell"]])


class ChannelView(Answer):
    channel: Channel
    service: str = Field(description="Of `forward`, the tcp service that it leads to.", examples=["plc-program"])
    words: str = Field(examples=["uploading files (sftp.write)"])


class ChangeView(Answer):
    """Something that differs for some persons on some targets: each of these persons on each of these targets."""

    what: Literal["gained", "lost", "obliged"]
    sentence: str = Field(
        examples=["vera and vito gain on ews-l4, by ssh with account engineer: uploading files (sftp.write). …"]
    )
    persons: list[str] = Field(description="Login names.", examples=[["vera", "vito"]])
    targets: list[str] = Field(examples=[["ews-l4"]])
    protocol: Protocol
    account: str
    channels: list[ChannelView]
    obligations: list[str] = Field(description="Of `gained`, what it obliges to; of `obliged`, what differs.")
    rules: list[str]
    forbids: list[str] = Field(description="Of `lost`, the rules that forbid it now.")


class DiffView(Answer):
    old: str = Field(examples=["3f9a0c71b2de"])
    new: str = Field(examples=["b81c44d09a17"])
    at: Moment = Field(description="The moment that both were asked about.")
    changes: list[ChangeView]


class Explain(Question):
    """May this person do this, and if not, why not."""

    person: Name = Field(examples=["vera"])
    target: Name = Field(examples=["ews-l4"])
    protocol: Protocol | None = Field(default=None, description="Null: the first that the target offers.")
    account: Annotated[str, StringConstraints(max_length=64)] = Field(default="", description="Empty: the default.")
    channels: list[Channel] = Field(default=[], max_length=32, description="None: what one usually wants.")
    services: list[Name] = Field(default=[], max_length=32, description="What `forward` is to lead to.")
    factors: list[Factor] = Field(
        default=[Factor.PASSWORD, Factor.TOTP], max_length=8, description="Shown when he connects."
    )
    source: Annotated[str, StringConstraints(max_length=64)] = Field(
        default="", description="The address he comes from; empty: not said.", examples=["192.0.2.7"]
    )
    emergency: bool = False
    at: Moment | None = Field(default=None, description="Null: now.")
    version: Version = Field(default="", description="The version that is asked; empty: the active one.")


class ExplainedStep(Answer):
    about: str = Field(description="request, connect, or the channel that would open.", examples=["request"])
    allowed: bool
    words: str = Field(description="Of a denial, what the person would read.")
    missing: str = Field(description="The fact whose absence decided, in words; empty when none was found.")
    rules: list[str] = Field(description="Those that decided.", examples=[["t1.standard-cell"]])
    titles: list[str] = Field(description="Theirs.")
    obligations: list[str] = Field(description="What it obliges to, a phrase each.")


class ExplainView(Answer):
    version: str
    at: Moment
    protocol: Protocol
    account: str
    notes: list[str] = Field(description="What keeps him out besides the policy, e.g. no conduit.")
    steps: list[ExplainedStep]


class ReachView(Answer):
    """Persons who reach the same by one way in, under the same obligations."""

    persons: list[str] = Field(description="Login names.", examples=[["vera", "vito"]])
    protocol: Protocol
    account: str
    channels: list[ChannelView]
    obligations: list[str]
    rules: list[str]


class WhoCanView(Answer):
    target: str
    version: str
    at: Moment
    notes: list[str] = Field(description="What keeps everybody out besides the policy, e.g. no conduit.")
    reaches: list[ReachView]
