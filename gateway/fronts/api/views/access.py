"""Targets on offer, access requests, approvals, grants, releases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.access.model import GrantState, ReleaseState, RequestState
from gateway.fronts.api.views.common import Answer, Code, Minutes, Moment, Name, Question, ShownOnce, Words
from gateway.fronts.api.views.exceptions import RiskView
from gateway.inventory.model import Protocol, TargetClass, Tier
from gateway.policy.model import Channel

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ServiceOffer(Answer):
    """One service of a target that the policy lets the person ask for, and what it would oblige to."""

    protocol: Protocol
    accounts: list[str] = Field(
        description="Accounts that open it; the first is the default. None: it cannot be reached yet.",
        examples=[["engineer"]],
    )
    channels: list[Channel] = Field(description="Channel permissions that may be asked for.")
    services: list[str] = Field(
        description="Services that “forward” may be asked for to, by name.", examples=[["plc-program"]]
    )
    usual_channels: list[Channel] = Field(description="What one usually wants of these.")
    warning: str = Field(description="What everybody must know before; empty for nothing.")
    default_minutes: int = Field(description="A duration to suggest.", examples=[60])
    max_minutes: int = Field(description="The longest duration that may be asked for.", examples=[240])
    approvals: int = Field(description="How many distinct persons must say yes.", examples=[1])
    approver_roles: list[str] = Field(description="Roles of which one must be among them.", examples=[["owner"]])
    release: bool = Field(description="Whether the control room switches each session on.")
    observer: bool = Field(description="Whether somebody must watch.")
    file_paths: list[str] | None = Field(
        description="Files below these are reached and no others; null for no such bound.", examples=[["/srv/incoming"]]
    )
    file_copy: bool = Field(description="Whether the content of each file that passes is kept with the recording.")
    file_hold: bool = Field(description="Whether an upload waits until an owner or operator has delivered it.")


class TargetOffer(Answer):
    """A target that the person may ask for."""

    name: str = Field(examples=["ews-l4"])
    title: str = Field(examples=["Engineering workstation line 4"])
    zone: str = Field(examples=["cell-4"])
    zone_title: str = Field(examples=["Cell line 4"])
    tier: Tier
    target_class: TargetClass
    owners: list[str] = Field(description="Titles of those who can approve.", examples=[["Omar Haddad"]])
    services: list[ServiceOffer]


class Ask(Question):
    """A request for access to one service of one target."""

    target: Name = Field(examples=["ews-l4"])
    protocol: Protocol = Protocol.SSH
    account: Annotated[str, StringConstraints(max_length=64)] = Field(
        default="", description="Empty: the default of the service.", examples=["engineer"]
    )
    channels: list[Channel] = Field(
        default=[],
        max_length=16,
        description="None: all that one usually wants of the protocol. Of a desktop, `desktop` alone is to watch only.",
        examples=[["shell", "exec"]],
    )
    services: list[Name] = Field(
        default=[],
        max_length=32,
        description="With the channel `forward`: the services of the target that it leads to, by name.",
        examples=[["plc-program"]],
    )
    not_before: Moment
    not_after: Moment = Field(description="The window ends before this moment.")
    duration_minutes: Minutes = Field(description="Counts from the start of the first session.", examples=[60])
    purpose: Words = Field(examples=["Exchange the parameter set of drive 4 after the bearing change"])
    work_order: Words = Field(examples=["WO-8812"])
    actions: Words = Field(default="", description="Declared actions, in words.")
    emergency: bool = False


class Approve(Question):
    """An approver's yes to exactly what he was shown."""

    code: Code = Field(description="A fresh one-time code of the approver.")
    digest: Digest = Field(description="`digest` of the request as it was shown.")
    note: Words = ""


class Reason(Question):
    """Why; the person concerned reads it."""

    reason: Words = Field(min_length=1, examples=["The line is in production until 14:00"])


class ApprovalGiven(Answer):
    approver: str = Field(examples=["omar"])
    approver_title: str = Field(examples=["Omar Haddad"])
    role: str = Field(description="The role he approved as.", examples=["owner"])
    at: Moment
    note: str


class RequestView(Answer):
    """An access request and what became of it."""

    id: str = Field(examples=["req_k3v8m2q9w7x4z6b5n2dh"])
    state: RequestState
    requester: str = Field(examples=["vera"])
    requester_title: str = Field(examples=["Vera Lind"])
    organisation: str = Field(examples=["kranz"])
    target: str = Field(examples=["ews-l4"])
    protocol: Protocol
    account: str = Field(examples=["engineer"])
    channels: list[Channel]
    services: list[str] = Field(
        description="Services of the target that a forward leads to, by name.", examples=[["plc-program"]]
    )
    not_before: Moment
    not_after: Moment
    duration_minutes: int
    purpose: str
    work_order: str
    actions: str
    emergency: bool
    digest: str = Field(description="Binds an approval to exactly this.")
    created: Moment
    approvals: list[ApprovalGiven]
    approvals_needed: int
    approver_roles: list[str]
    release: bool
    observer: bool
    file_paths: list[str] | None = Field(
        description="Files below these are reached and no others; null for no such bound.", examples=[["/srv/incoming"]]
    )
    file_copy: bool = Field(description="Whether the content of each file that passes is kept with the recording.")
    file_hold: bool = Field(description="Whether an upload waits until an owner or operator has delivered it.")
    warning: str = Field(description="What an approver must know before; empty for nothing.")
    exceptions: list[RiskView] = Field(description="Exceptions that hold for the target now; for those who decide.")
    rules: list[str] = Field(description="Policy rules that permitted it to be asked.")
    policy_version: str
    decided_by: str = Field(description="Who denied or cancelled; empty for nobody.")
    decided_by_title: str
    reason: str = Field(description="Why it was denied or cancelled.")
    grant: str | None
    may: list[Literal["approve", "deny", "cancel"]] = Field(description="What the asker can do with it now.")


class ReleaseView(Answer):
    """The control room switched one session on."""

    id: str = Field(examples=["rel_k3v8m2q9w7x4z6b5n2dh"])
    grant: str
    state: ReleaseState
    by: str = Field(examples=["lena"])
    by_title: str = Field(examples=["Lena Berg"])
    created: Moment
    expires: Moment
    session: str | None


class GrantView(Answer):
    """What an approved request allows, and until when."""

    id: str = Field(examples=["grt_k3v8m2q9w7x4z6b5n2dh"])
    request: str
    state: GrantState
    person: str = Field(examples=["vera"])
    person_title: str = Field(examples=["Vera Lind"])
    organisation: str
    target: str
    protocol: Protocol
    account: str
    channels: list[Channel]
    services: list[str] = Field(
        description="Services of the target that a forward leads to, by name.", examples=[["plc-program"]]
    )
    not_before: Moment
    not_after: Moment
    duration_minutes: int
    purpose: str
    work_order: str
    created: Moment
    deadline: Moment | None = Field(description="Set at the start of its first session.")
    remaining_seconds: int | None = Field(description="Until the deadline, by both clocks.")
    extended_minutes: int
    max_total_minutes: int = Field(description="With all extensions.")
    release: bool = Field(description="Whether each session waits for the control room.")
    reason: str = Field(description="Why it was revoked.")
    warning: str = Field(description="What the control room must know before; empty for nothing.")
    releases: list[ReleaseView]
    may: list[Literal["release", "revoke", "ticket"]] = Field(description="What the asker can do with it now.")


class ReleaseNow(Question):
    """An operator switches one session of a grant on, now."""

    code: Code = Field(description="A fresh one-time code of the operator.")


class TicketNew(Question):
    """The person of a grant wants to open its desktop."""

    use: Literal["client", "browser"] = Field(
        alias="for", description="An RDP client (hours, from one address), or this very page (seconds, once)."
    )
    code: Code | Literal[""] = Field(
        default="", description="A fresh one-time code, when the last one is too old for the target."
    )


class TicketView(ShownOnce):
    """A ticket, shown this once. In the page, `id.secret` is the token of RDCleanPath."""

    id: str = Field(description="The user name in the RDP client.", examples=["k3v8m2q9w7"])
    secret: str = Field(description="The password there.")
    expires: Moment
    host: str = Field(description="Where the RDP client connects to.", examples=["gateway.mill.example"])
    port: int = Field(examples=[3389])
    file: str = Field(description="Text of an .rdp file, without the secret; empty for a browser.")
