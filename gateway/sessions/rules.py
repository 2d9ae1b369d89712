"""The rules of the session core as pure functions: what is missing, what is due, who may. No clock, no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.access.model import AccessRequest, Grant, Release, RequestState
from gateway.clock import ZERO, Instant
from gateway.errors import Refused
from gateway.identity.model import PHISHING_RESISTANT, Factor, FactorProof, Person, Role, two_factors
from gateway.inventory.model import CryptoProfile, Protocol, Service, Target, TargetClass
from gateway.limits import HOLD_LONGEST
from gateway.policy.model import Obligations
from gateway.sessions import texts
from gateway.sessions.model import Hold, Session, Waiting

COUNTDOWN: Final = (timedelta(minutes=15), timedelta(minutes=5), timedelta(minutes=1), timedelta(seconds=10))
IDLE_WARNING: Final = timedelta(minutes=1)  # before an idle session ends
CONTROL_ROOM: Final = "the control room"
SECOND_FACTORS: Final = frozenset({Factor.TOTP, Factor.SSH_KEY_TOUCHED})
ITSELF: Final = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_FACTORS: Final = frozenset({Factor.PASSWORD, Factor.TOTP})  # what most people have


MANY_DESKTOPS: Final = frozenset({TargetClass.SERVER, TargetClass.HISTORIAN})  # nobody sits before them


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store says about a person at a target's door, read in one transaction.

    Attributes:
        obligations: the strictest of the policy's answer now and the grant's.
        grant: whose window is open; None for none.
        later: an approved one whose window opens later.
        request: one that is pending, or the decided one that this person was waiting for.
        release: armed, of `grant`.
        observers: how many people watch this session.
        approvers: who can approve, as titles.
        protocol: by which the person came: the words name what he has before him.
    """

    at: datetime
    target: str
    obligations: Obligations
    grant: Grant | None = None
    later: Grant | None = None
    request: AccessRequest | None = None
    release: Release | None = None
    observers: int = 0
    approvers: tuple[str, ...] = ()
    protocol: Protocol = Protocol.SSH


def missing(facts: Facts, held: Hold | None) -> Hold | Refused | None:
    """What keeps the session from running: a hold, a refusal for good, or nothing (access model, rule 1).

    Args:
        held: the hold so far; as long as it waits for the same thing it keeps its `since`.
    """
    if facts.grant is None:
        return _without_grant(facts, held)
    if facts.obligations.release and facts.release is None:
        return _hold(facts, held, Waiting.RELEASE, (CONTROL_ROOM,))
    if facts.obligations.observer and facts.observers == 0:
        return _hold(facts, held, Waiting.OBSERVER, (CONTROL_ROOM,))
    return None


def _without_grant(facts: Facts, held: Hold | None) -> Hold | Refused:
    request, later = facts.request, facts.later
    if later is not None:
        opens = later.wanted.not_before
        if opens - facts.at <= HOLD_LONGEST:
            return _hold(facts, held, Waiting.WINDOW, (), opens)
        return Refused("not_open_yet", texts.opens_later(opens), rule="access-model 2.1")
    if request is not None and request.state is RequestState.PENDING:
        return _hold(facts, held, Waiting.APPROVAL, facts.approvers)
    if request is not None and request.state is RequestState.DENIED:
        return Refused("denied", texts.denied(request.decided_by, request.reason), rule="access-model 2.3")
    if request is not None and request.state in {RequestState.CANCELLED, RequestState.EXPIRED}:
        return Refused("no_grant", texts.request_gone(request.state), rule="access-model 2.1")
    return Refused("no_grant", texts.no_grant(facts.target), rule="access-model 2.1")


def _hold(
    facts: Facts, held: Hold | None, waiting: Waiting, asked: tuple[str, ...], opens: datetime | None = None
) -> Hold:
    since = held.since if held is not None and held.waiting is waiting else facts.at
    return Hold(waiting, since, asked, texts.hold(waiting, asked, since, opens, desktop=facts.protocol is Protocol.RDP))


def factors(
    proofs: Sequence[FactorProof], obligations: Obligations, person: Person, source: str, at: datetime,
    protocol: Protocol = Protocol.SSH,
) -> Refused | None:  # fmt: skip
    """Whether these proofs carry a session (access model, rule 4): this person's, from this source, of two kinds,
    the second one younger than the obligation's freshness."""
    valid = [p for p in proofs if p.person == person.id and p.source == source]
    shown = frozenset(p.factor for p in valid)
    if not two_factors(shown):
        return Refused("factor_missing", texts.TWO_FACTORS, rule="access-model 2.4")
    if obligations.phishing_resistant and not shown & PHISHING_RESISTANT:
        return Refused("factor_weak", texts.RESISTANT, rule="access-model 2.4")
    if not any(p.factor in SECOND_FACTORS and p.fresh(at, obligations.freshness) for p in valid):
        words = texts.STALE_TICKET if protocol is Protocol.RDP else texts.STALE
        return Refused("factor_stale", words, rule="access-model 2.4")
    return None


def spoken(target: Target, protocol: Protocol) -> Protocol:
    """What a visit by `protocol` is to `target`: by SSH, where there is no shell but a tcp service, forwards alone."""
    if protocol is Protocol.SSH and target.service(Protocol.SSH) is None and target.service(Protocol.TCP) is not None:
        return Protocol.TCP
    return protocol


def profile(target: Target, service: Service, now: datetime) -> CryptoProfile:
    """Which cryptography is accepted from `service` of `target` now.

    Raises:
        Refused: old cryptography alone would do, and there is no exception for that (C51).
    """
    accepted = target.profile_of(service, now)
    if accepted is None:
        raise Refused("legacy_crypto_not_excepted", texts.legacy_crypto(target.name, service.name), rule="C51")
    return accepted


def tcp(target: Target, name: str) -> Service | None:
    """The tcp service of `target` that is called `name`."""
    return next((s for s in target.services if s.protocol is Protocol.TCP and s.name == name), None)


def declared(target: Target, host: str, port: int) -> str | None:
    """The name of the tcp service of `target` that a forward to `host:port` means; None for none.

    `host` is the target by its name or as it calls itself, or the service by its name: then any port will do.
    """
    mine = [s for s in target.services if s.protocol is Protocol.TCP]
    by_port = [s.name for s in mine if s.port == port and host.lower() in {target.name, *ITSELF}]
    return next(iter(by_port or [s.name for s in mine if s.name == host.lower()]), None)


def busy(target: Target, protocol: Protocol, running: Sequence[Protocol], most: int) -> Refused | None:
    """Whether another session may start beside those that run on `target` (C44).

    A desktop takes the console of its machine: whatever the policy says, there is one at a time, but on servers.
    """
    if protocol is Protocol.RDP and protocol in running and target.target_class not in MANY_DESKTOPS:
        return Refused("busy", texts.CONSOLE_TAKEN, rule="access-model 2.2")
    return Refused("busy", texts.BUSY, rule="access-model 2.2") if len(running) >= most else None


def countdown_mark(remaining: timedelta) -> timedelta | None:
    """The smallest mark that `remaining` has come down to; None above the first."""
    return min((mark for mark in COUNTDOWN if remaining <= mark), default=None)


def countdown_due(remaining: timedelta, told: timedelta | None) -> bool:
    """Whether the person must hear of the time left, having heard at mark `told`."""
    mark = countdown_mark(remaining)
    return mark is not None and remaining > ZERO and (told is None or mark < told)


def elapsed(since: Instant, at: Instant) -> timedelta:
    """Time that passed between two readings, never negative; a step of the wall clock does not count."""
    if since.boot_id == at.boot_id:
        return max(at.boot - since.boot, ZERO)
    return max(at.wall - since.wall, ZERO)


def controller(actor: Person, target: Target, session_of: str, *, own: bool = False) -> Refused | None:
    """Who may pause, resume, message, extend: operators and owners of the target; never in his own session
    unless `own`."""
    if Role.OPERATOR not in actor.roles and actor.id not in target.owners:
        return Refused("not_yours", texts.ACTOR_MAY_NOT, rule="access-model 2.12")
    if not own and actor.id == session_of:
        return Refused("own_session", texts.OWN_SESSION, rule="access-model 2.12")
    return None


def killer(actor: Person, target: Target) -> Refused | None:
    """Who may end a session: whoever may control it, and an admin (abuse case 40): cutting is always safe."""
    return None if Role.ADMIN in actor.roles else controller(actor, target, "", own=True)


def deliverer(actor: Person, target: Target, session: Session) -> Refused | None:
    """Who may let a held upload of `session` through: an operator or owner of the target, never the side it is of."""
    if actor.id == session.person:
        return Refused("own_upload", texts.OWN_UPLOAD, rule="C62")
    if actor.organisation.name == session.organisation and not actor.organisation.plant:
        return Refused("own_organisation", texts.OWN_SIDE, rule="C62")
    return controller(actor, target, session.person)


def watcher(actor: Person, target: Target) -> Refused | None:
    if {Role.OPERATOR, Role.AUDITOR} & actor.roles or actor.id in target.owners:
        return None
    return Refused("not_yours", texts.WATCHER_MAY_NOT, rule="access-model 2.1")


def observes(actor: Person, target: Target, session_of: str) -> bool:
    """Whether `actor`'s watching counts as the observer that an obligation demands: never the person himself."""
    return actor.id != session_of and (Role.OPERATOR in actor.roles or actor.id in target.owners)
