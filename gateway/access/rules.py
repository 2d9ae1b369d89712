"""Who may approve, release, extend, and what is missing: every rule of access as a pure function with its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.access.model import AccessRequest, Approval, Block, BlockKind, Grant, GrantState, RequestState
from gateway.clock import ZERO, Instant
from gateway.errors import Refused
from gateway.identity.model import FactorProof, Person, Role
from gateway.inventory.model import Protocol, Target
from gateway.limits import DECISION_FRESHNESS, REQUEST_WINDOW, REQUESTS_PENDING
from gateway.policy.model import Channel, Obligations
from gateway.policy.phrases import spoken
from gateway.words import printable

OWNER: Final = "owner"  # as an approver: an owner of this target, whatever his roles elsewhere
STANDING: Final = {
    "disabled": "is disabled",
    "expired": "has expired",
    "contract_expired": "belongs to an organisation whose contract has ended",
}


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something may not be done; the fields are those of `Refused`."""

    code: str
    words: str
    rule: str = "access-model 2.3"

    def refused(self, detail: str = "") -> Refused:
        return Refused(self.code, self.words, rule=self.rule, detail=detail)


def demand(*objections: Objection | None) -> None:
    """Raises Refused with the first objection, if there is one."""
    for objection in objections:
        if objection is not None:
            raise objection.refused()


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


# --- asking


def window(not_before: datetime, not_after: datetime, now: datetime) -> Objection | None:
    """Whether the window can be asked for."""
    rule = "access-model 1"
    if not not_before < not_after:
        return Objection(
            "window_order", "The window ends before it begins. Give an end later than its beginning.", rule
        )
    if not_after <= now:
        return Objection("window_past", f"The window ended at {moment(not_after)}. Ask for one that is to come.", rule)
    if not_after - not_before > REQUEST_WINDOW:
        words = f"A window may be {spoken(REQUEST_WINDOW)} long at most. Ask for a shorter one, and again when it ends."
        return Objection("window_long", words, rule)
    return None


def duration(wanted: timedelta, obligations: Obligations) -> Objection | None:
    """Whether the policy permits that long a time."""
    longest = min(obligations.max_session, obligations.max_total)
    if wanted <= ZERO:
        return Objection("duration_empty", "The duration must be longer than nothing.", "access-model 1")
    if wanted > longest:
        words = f"{spoken(wanted)} were asked for; the policy permits {spoken(longest)} at most on this target."
        return Objection("duration_long", words, "access-model 2.2")
    return None


def channels(wanted: frozenset[Channel], obligations: Obligations) -> Objection | None:
    """Whether each channel asked for is one that the policy permits."""
    if not wanted:
        return Objection(
            "no_channels", "Nothing was asked for. Name at least one channel, e.g. shell.", "access-model 1"
        )
    if over := wanted - obligations.channels:
        permitted = ", ".join(sorted(obligations.channels)) or "nothing"
        words = f"The policy does not permit {', '.join(sorted(over))} on this target; it permits {permitted}."
        return Objection("channel_not_permitted", words, "access-model 2.2")
    return None


def protocols(target: Target) -> list[Protocol]:
    """What `target` can be asked for: of forwards alone only where there is no shell."""
    found = list(dict.fromkeys(s.protocol for s in target.services))
    return [p for p in found if by_itself(p, target) is None]


def by_itself(protocol: Protocol, target: Target) -> Objection | None:
    """Forwards alone are for targets without a shell: there they belong to it (decision 4)."""
    if protocol is not Protocol.TCP or target.service(Protocol.SSH) is None:
        return None
    words = f"{target.name} has an SSH service: ask for that, with the channel “forward” and the services by name."
    return Objection("forward_by_ssh", words, "access-model 1")


def services(wanted: frozenset[Channel], names: frozenset[str], target: Target) -> Objection | None:
    """Whether forwards are asked for as they must be: by the names of tcp services that the target has (C56)."""
    rule = "access-model 1"
    known = {s.name for s in target.services if s.protocol is Protocol.TCP}
    has = f"{target.name} has {', '.join(sorted(known))}" if known else f"{target.name} has none"
    if Channel.FORWARD not in wanted and names:
        words = f"Services were named ({_spoken(names)}), but no forward was asked for. Ask for “forward”, too."
        return Objection("forward_not_asked", words, rule)
    if Channel.FORWARD in wanted and not names:
        words = f"A forward leads to services that are named when it is asked for: {has}."
        return Objection("no_services", words, rule)
    if unknown := names - known:
        words = f"No tcp service of {target.name} is called {_spoken(unknown)}: {has}."
        return Objection("unknown_service", words, rule)
    return None


def _spoken(names: frozenset[str]) -> str:
    return printable(", ".join(f"“{name}”" for name in sorted(names)))


def takes_over(protocol: Protocol, target_name: str) -> str:
    """What requester, approver and control room must know before a session (C44); empty for nothing."""
    if protocol is not Protocol.RDP:
        return ""
    return (
        f"A remote desktop can take the screen of {target_name} away from whoever works at it: it may be locked there "
        "for as long as the session lasts. Make sure that nobody needs it."
    )


def room(pending: int) -> Objection | None:
    """Whether a person with `pending` undecided requests may make another."""
    if pending < REQUESTS_PENDING:
        return None
    words = f"{pending} of your requests wait for a decision. Cancel one, or wait until one is decided."
    return Objection("too_many_requests", words, "access-model 1")


def standing(person: Person, at: datetime) -> Objection | None:
    """Whether `person` may do anything at all."""
    if not (why := person.standing(at)):
        return None
    return Objection(why, f"{person.title} ({person.name}) {STANDING[why]}. The site's administrator can tell more.")


# --- deciding


def fresh(proof: FactorProof, person: Person, at: datetime) -> Objection | None:
    """Whether `proof` is a decision's own: by the decider himself, with a code or a touched key, just now (rule 4)."""
    if proof.decides(person, at):
        return None
    words = f"A decision needs a code or a touched key of your own, not older than {spoken(DECISION_FRESHNESS)}."
    return Objection("stale_factor", words, "access-model 2.4")


def _apart(person: Person, requester: str, organisation: str) -> Objection | None:
    """The two-person rule: never for oneself, never within a vendor."""
    if person.id == requester:
        return Objection("own_request", "This is your own request; another person must decide it.")
    if person.organisation.name == organisation and not person.organisation.plant:
        words = f"You belong to {person.organisation.title}, as the requester does; somebody else must decide."
        return Objection("own_organisation", words)
    return None


def capacities(person: Person, target: Target, obligations: Obligations) -> frozenset[str]:
    """Everything that `person` may approve access to `target` as: owner of it, or a role that the obligation names."""
    owner = {OWNER} if person.id in target.owners else set()
    return frozenset(owner | ({str(r) for r in person.roles} & obligations.approver_roles - {OWNER}))


def may_approve(request: AccessRequest, person: Person, target: Target, at: datetime) -> Objection | None:
    """Whether `person`'s yes (or no) to `request` counts; not whether he has given it already."""
    if objection := standing(person, at) or _apart(person, request.requester, request.organisation):
        return objection
    if capacities(person, target, request.obligations):
        return None
    who = ["the owners of the target", *(f"the role {r}" for r in sorted(request.obligations.approver_roles - {OWNER}))]
    return Objection("not_approver", f"This request is decided by {' and '.join(who)}; you are none of them.")


def approved_before(request: AccessRequest, person: Person) -> Objection | None:
    if all(a.void or a.approver != person.id for a in request.approvals):
        return None
    return Objection("already_approved", "You have approved this request already; the other approvals are of others.")


def counting(approvals: Iterable[Approval], digest: str) -> tuple[Approval, ...]:
    """Those that are given, not void, to exactly this digest, one a person."""
    return tuple({a.approver: a for a in approvals if not a.void and a.digest == digest}.values())


def approvals_complete(obligations: Obligations, approvals: Sequence[Approval]) -> bool:
    """Whether there are enough, and each role demanded can be filled by a person of its own (C25)."""
    return len(approvals) >= obligations.approvals and _filled(sorted(obligations.approver_roles), approvals)


def _filled(roles: Sequence[str], approvals: Sequence[Approval]) -> bool:
    if not roles:
        return True
    return any(roles[0] in a.roles and _filled(roles[1:], [b for b in approvals if b is not a]) for a in approvals)


def missing(obligations: Obligations, approvals: Sequence[Approval]) -> str:
    """What a request waits for, in words; empty when nothing is missing. `approvals` are those that count."""
    if approvals_complete(obligations, approvals):
        return ""
    asked = max(obligations.approvals, len(obligations.approver_roles))
    still = [role for role in sorted(obligations.approver_roles) if not _without(role, obligations, approvals)]
    who = " and ".join(f"an {role}" if role[0] in "aeiou" else f"a {role}" for role in still or [OWNER])
    return f"{len(approvals)} of {asked} approvals given; still needed: {who}"


def _without(role: str, obligations: Obligations, approvals: Sequence[Approval]) -> bool:
    """Whether `role` is filled when the roles before it are."""
    roles = sorted(obligations.approver_roles, key=lambda r: (r != OWNER, r))
    return _filled(roles[: roles.index(role) + 1], approvals)


# --- switching on


def may_release(grant: Grant, person: Person, at: Instant) -> Objection | None:
    """Whether `person` may switch a session of `grant` on, now."""
    if objection := standing(person, at.wall) or _apart(person, grant.person, grant.organisation):
        return objection
    if Role.OPERATOR not in person.roles:
        return Objection("not_operator", "Sessions are released by the control room: the role operator.")
    return releasable(grant, at)


def releasable(grant: Grant, at: Instant) -> Objection | None:
    """Whether a release of `grant` would be of use now."""
    rule = "access-model 2.8"
    if not grant.obligations.release:
        return Objection(
            "release_not_needed", "The policy demands no release here; the person may connect as it is.", rule
        )
    if objection := usable(grant, at):
        return objection
    if grant.wanted.not_before - at.wall > grant.obligations.release_expires:
        words = (
            f"The window opens at {moment(grant.wanted.not_before)}, and a release lasts"
            f" {spoken(grant.obligations.release_expires)}. Release it shortly before it is used."
        )
        return Objection("window_not_open", words, rule)
    return None


def usable(grant: Grant, at: Instant) -> Objection | None:
    """Whether `grant` has not ended, on either clock."""
    rule = "access-model 2.7"
    if grant.state is GrantState.REVOKED:
        return Objection("grant_revoked", "The access was revoked. Ask for it again if it is still needed.", rule)
    if grant.state in {GrantState.USED, GrantState.EXPIRED} or grant.passed(at):
        return Objection(
            "grant_ended", "The time of this access is over. Ask for it again if it is still needed.", rule
        )
    return None


def may_extend(grant: Grant, person: Person, target: Target, at: Instant) -> Objection | None:
    """Whether `person` may give `grant` more time: an owner of the target or an operator, never for his own (C28)."""
    if objection := standing(person, at.wall) or _apart(person, grant.person, grant.organisation):
        return objection
    if person.id not in target.owners and Role.OPERATOR not in person.roles:
        return Objection("not_approver", "More time is given by the owners of the target and by the control room.")
    return usable(grant, at)


def extension(grant: Grant, by: timedelta) -> Objection | None:
    """Whether `grant`'s deadline may move by that much."""
    rule = "access-model 2.12"
    if grant.deadline is None or grant.longest is None:
        return Objection("not_started", "No session of this access has started, so its time does not run yet.", rule)
    if by <= ZERO:
        return Objection("extension_empty", "An extension must be longer than nothing.", rule)
    left = min(grant.longest.wall - grant.deadline.wall, grant.longest.boot - grant.deadline.boot)
    if by > left:
        most = f"{spoken(left)} more can be given" if left >= timedelta(seconds=1) else "no more can be given"
        words = f"With all extensions the policy permits {spoken(grant.obligations.max_total)}: {most}."
        return Objection("extension_long", words, rule)
    return None


def may_cut(person: Person, target: Target, at: datetime) -> Objection | None:
    """Whether `person` may revoke a grant or block: less access needs no second person."""
    if objection := standing(person, at):
        return objection
    if person.id in target.owners or person.roles & {Role.OPERATOR, Role.ADMIN}:
        return None
    return Objection("not_permitted", "Access is cut by the owners of the target, the control room and administrators.")


def may_block(person: Person, kind: BlockKind, target: Target | None, at: datetime) -> Objection | None:
    """Whether `person` may block such a thing: an owner his own target; one of the plant's, with a kill, a person."""
    if target is not None:
        return may_cut(person, target, at)
    owner = kind is BlockKind.PERSON and Role.OWNER in person.roles and person.organisation.plant
    return standing(person, at) if owner else may_lift(person, kind, at)


def may_lift(person: Person, kind: BlockKind, at: datetime) -> Objection | None:
    """Whether `person` may lift a block, whoever set it."""
    if objection := standing(person, at):
        return objection
    if person.roles & {Role.OPERATOR, Role.ADMIN}:
        return None
    return Objection("not_permitted", f"Blocks of a {kind} are for the control room and for administrators.")


def blocked(block: Block | None) -> Objection | None:
    if block is None:
        return None
    until = "until it is lifted" if block.until is None else f"until {moment(block.until)}"
    words = f"The {block.kind} {block.name} gets no session {until}: {block.reason}"
    return Objection("blocked", words, "access-model 2.12")


# --- seeing


def may_see(person: Person, requester: str, target: Target) -> bool:
    """Whether a request or grant exists for `person`: his own, on a target of his, or he is of the site's staff."""
    staff = {Role.OPERATOR, Role.AUDITOR, Role.ADMIN}
    return person.id == requester or person.id in target.owners or bool(person.roles & staff)


def decided(request: AccessRequest, at: Instant) -> str:
    """Why nothing can be decided about `request` any more, in words; empty while it can."""
    by = f" by {request.decided_by}" if request.decided_by else ""
    match request.state:
        case RequestState.PENDING:
            return f"its window ended at {moment(request.wanted.not_after)}" if request.passed(at) else ""
        case RequestState.EXPIRED:
            return f"its window ended at {moment(request.wanted.not_after)}"
        case RequestState.DENIED:
            return f"it was denied{by}: {request.reason}"
        case RequestState.APPROVED | RequestState.CANCELLED:
            return f"it was {request.state}{by}"
