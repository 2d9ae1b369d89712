"""A decision, `who-can` and a difference over a site of 1,000 targets, 200 persons and 100 policies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from gateway.identity.model import Organisation, Person, Role
from gateway.ids import AccountId, OrganisationId, PersonId, ServiceId, TargetId
from gateway.inventory.model import Account, CredentialKind, Protocol, Service, Target, TargetClass, Tier, Zone
from gateway.policy import files, preview
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Action, Channel, Decision, Question
from tests.policy.asking import DEFAULTS, forbid, permit

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
TARGETS, PERSONS, POLICIES, ZONES, VENDORS = 1000, 200, 100, 40, 25
RUNS = 400
CODE = frozenset({"totp"})


def policies(idle: str = "20m") -> dict[str, str]:
    """Those that are shipped, and a site's own: by zone, organisation, person, target, channel and time."""
    made = files.read(DEFAULTS)
    have = len(PolicyEngine.of(made).rules)
    kinds: list[Callable[[int], str]] = [
        lambda n: permit(f"own.{n}", f'principal in Organisation::"vendor-{n % VENDORS}"', _in_zone(n), idle=idle),
        lambda n: permit(
            f"own.{n}", f'context.account == "service-{n}"', _in_zone(n), channels="shell, exec, sftp.read"
        ),
        lambda n: forbid(f"own.{n}", f'resource in Zone::"zone-{n % ZONES}" && context.at.toTime() > duration("22h")'),
        lambda n: permit(f"own.{n}", f'principal == Person::"person-{n}" && resource == Target::"target-{n}"'),
        lambda n: forbid(f"own.{n}", f'context.channels.contains(Channel::"usb") && resource == Target::"target-{n}"'),
    ]
    own = [kinds[n % len(kinds)](n) for n in range(POLICIES - have)]
    return made | {f"90-own-{n:03}.cedar": text for n, text in enumerate(own)}


def _in_zone(n: int) -> str:
    return f'principal, action, resource in Zone::"zone-{n % ZONES}"'


def people() -> list[Person]:
    vendors = [Organisation(OrganisationId(f"org_{n}"), f"vendor-{n}", "", plant=False) for n in range(VENDORS)]
    plant = Organisation(OrganisationId("org_p"), "plant", "", plant=True)
    roles = [Role.OPERATOR, Role.OWNER, Role.AUDITOR, Role.ADMIN]
    return [
        Person(PersonId(f"per_{n}"), f"person-{n}", f"Person {n}", vendors[n % VENDORS], frozenset({Role.VENDOR}))
        if n < PERSONS * 3 // 4
        else Person(PersonId(f"per_{n}"), f"person-{n}", f"Person {n}", plant, frozenset({roles[n % 4]}))
        for n in range(PERSONS)
    ]


def places() -> list[Target]:
    zones = [Zone(f"zone-{n}", "", "2") for n in range(ZONES)]
    return [
        Target(
            id=TargetId(f"tgt_{n}"), name=f"target-{n}", title="", zone=zones[n % ZONES], tier=list(Tier)[n % 4],
            target_class=list(TargetClass)[n % 3], owners=frozenset({PersonId(f"per_{PERSONS - 1 - n % 40}")}),
            services=(
                Service(ServiceId(f"s{n}"), "ssh", Protocol.SSH, "127.0.0.9", 22),
                Service(ServiceId(f"r{n}"), "rdp", Protocol.RDP, "127.0.0.9", 3389),
                Service(ServiceId(f"p{n}"), "plc-program", Protocol.TCP, "127.0.0.9", 102),
            ),
            accounts=(Account(AccountId(f"a{n}"), "engineer", CredentialKind.PASSWORD),),
        )
        for n in range(TARGETS)
    ]  # fmt: skip


def timed(what: Callable[[], object]) -> float:
    """Seconds of this process's CPU: all of it is computing, and what else the machine does is not counted."""
    begun = time.process_time()
    what()
    return time.process_time() - begun


def measure() -> dict[str, float]:
    """Milliseconds, but where the name says seconds."""
    engine, stricter = PolicyEngine.of(policies()), PolicyEngine.of(policies(idle="10m"))
    persons, targets = people(), places()
    shell = frozenset({Channel.SHELL})

    def asked(n: int) -> Question:
        person, target = persons[n * 7 % PERSONS], targets[n * 13 % TARGETS]
        return Question(
            Action.CHANNEL, person, target, Protocol.SSH, "engineer", shell, frozenset({"totp"}), "192.0.2.7"
        )

    def decided(n: int, *, explained: bool) -> Decision:
        return engine.decide(asked(n), AT, explained=explained)

    plain = [timed(lambda n=n: decided(n, explained=False)) for n in range(RUNS)]
    explained = [timed(lambda n=n: decided(n, explained=True)) for n in range(RUNS)]
    one = [timed(lambda t=t: preview.who_can(engine, persons, t, AT)) for t in targets[:: TARGETS // 20]]
    empty = replace(targets[0], services=())
    return {
        "rules": len(engine.rules),
        "decision_median_ms": round(statistics.median(plain) * 1e3, 3),
        "decision_99_ms": round(sorted(plain)[RUNS * 99 // 100] * 1e3, 3),
        "decision_explained_median_ms": round(statistics.median(explained) * 1e3, 3),
        "decision_explained_99_ms": round(sorted(explained)[RUNS * 99 // 100] * 1e3, 3),
        "who_can_one_target_median_ms": round(statistics.median(one) * 1e3, 1),
        "who_can_one_target_worst_ms": round(max(one) * 1e3, 1),
        "who_can_no_service_ms": round(timed(lambda: preview.who_can(engine, persons, empty, AT)) * 1e3, 1),
        "diff_of_whole_site_s": round(timed(lambda: preview.diff(engine, stricter, persons, targets, AT)), 2),
        "load_s": round(timed(lambda: PolicyEngine.of(policies())), 2),
    }
