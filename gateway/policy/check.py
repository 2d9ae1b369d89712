"""A site tries its policies before they are live: questions with the expected decision, in TOML. No database, no clock.

    [[case]]
    name = "a vendor may ask for a shell on a standard workstation"
    action = "request"                                          # request, connect or channel
    person = { name = "vera", roles = ["vendor"], organisation = "vendor", plant = false }
    target = { name = "ews-l4", tier = "T1", class = "workstation", zone = "line4", level = "2", owner = false,
               exceptions = [] }                                # kinds that hold, such as "legacy-crypto"
    protocol = "ssh"
    account = "engineer"
    channels = ["shell"]                                        # of rdp ["desktop"], of tcp ["forward"]
    services = []                                               # tcp services that "forward" is asked for
    factors = ["password", "totp"]
    source = "192.0.2.7"
    emergency = false
    at = 2026-11-24T10:00:00Z
    expect = "allow"                                            # or forbidden, no_permit
    rules = ["t1.standard-cell"]
    obliges = { approvals = 1, release = true, max_session = "4h" }
    says = "phishing-resistant"                                 # found in the words of a denial

Only `name`, `action` and `expect` must be there; the others have the values shown, where a question needs one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.errors import Invalid
from gateway.identity.model import Factor, Organisation, Person, Role
from gateway.ids import AccountId, OrganisationId, PersonId, TargetId
from gateway.inventory.model import Account, CredentialKind, Protocol, Target, TargetClass, Tier, Zone
from gateway.limits import POLICY_CASES
from gateway.policy import explain
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import (
    LEAST_CHANNELS,
    Action,
    Allow,
    Channel,
    Decision,
    Deny,
    Obligations,
    Question,
    outermost,
)
from gateway.policy.rules import duration

NOON: Final = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EXPECTED: Final = frozenset({"allow", "forbidden", "no_permit"})
FIELDS: Final = frozenset(
    {"name", "action", "person", "target", "protocol", "account", "channels", "factors", "source", "emergency", "at"}
) | {"services", "expect", "rules", "obliges", "says"}
PERSON: Final = frozenset({"name", "roles", "organisation", "plant"})
TARGET: Final = frozenset({"name", "tier", "class", "zone", "level", "owner", "exceptions"})

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A question and what is expected of the answer.

    Attributes:
        file: where it is written.
        rules: exactly those that speak; None for whichever.
        obliges: fields of the obligations and their values.
        says: found in the words of a denial.
    """

    file: str
    name: str
    question: Question
    at: datetime
    expect: str
    rules: frozenset[str] | None
    obliges: Table
    says: str


def cases(texts: Mapping[str, str]) -> list[Case]:
    """The cases of files of cases, in the order of the files.

    Raises:
        Invalid: the field is the file, the words name the case and what is wrong with it.
    """
    found: list[Case] = []
    for name, text in texts.items():
        try:
            found += [_case(name, table) for table in tomllib.loads(text).get("case", [])]
        except tomllib.TOMLDecodeError as error:
            raise Invalid(name, f"does not parse: {error}") from None
        except KeyError as error:
            raise Invalid(name, f"a case has no {error.args[0]}") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise Invalid(name, f"{type(error).__name__}: {error}") from None
        except Invalid as error:
            raise Invalid(name, f"{error.field}: {error.words}") from None
        if len(found) > POLICY_CASES:
            raise Invalid(name, f"there are more than {POLICY_CASES} cases in all")
    return found


def failures(engine: PolicyEngine, case: Case) -> list[str]:
    """How the answer differs from what is expected, a sentence each; empty when it does not."""
    decision = engine.decide(case.question, case.at)
    outcome = "allow" if isinstance(decision, Allow) else decision.code
    if outcome != case.expect:
        return [f"expected {case.expect}, got {outcome}: {_explained(decision)}"]
    found: list[str] = []
    if case.rules is not None and case.rules != set(decision.rules):
        found.append(f"expected the rules {sorted(case.rules)}, got {sorted(decision.rules)}")
    if isinstance(decision, Deny):
        if case.says not in decision.words:
            found.append(f"expected {case.says!r} in: {decision.words}")
        return found
    for field, value in case.obliges.items():
        if (got := getattr(decision.obligations, field)) != value:
            found.append(f"expected {field} {value}, got {got}")
    return found


def _explained(decision: Decision) -> str:
    return decision.words if isinstance(decision, Deny) else f"by {', '.join(decision.rules)}"


def _case(file: str, table: Table) -> Case:
    name = str(table.get("name", "?"))
    _known(name, table, FIELDS)
    if (expect := table["expect"]) not in EXPECTED:
        raise Invalid(name, f"expect is {expect!r}, must be of {', '.join(sorted(EXPECTED))}")
    protocol = Protocol(table.get("protocol", "ssh"))
    at = table.get("at", NOON)
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise Invalid(name, "at must be a moment with its zone, such as 2026-11-24T10:00:00Z")
    person, target = _person(name, table.get("person", {})), table.get("target", {})
    question = Question(
        action=Action(table["action"]),
        person=person,
        target=_target(name, target, person.id, str(table.get("account", "engineer")), at),
        protocol=protocol,
        account=str(table.get("account", "engineer")),
        channels=frozenset(Channel(c) for c in table.get("channels", LEAST_CHANNELS[protocol])),
        factors=frozenset(Factor(f) for f in table.get("factors", ["password", "totp"])),
        source=str(table.get("source", "192.0.2.7")),
        emergency=bool(table.get("emergency", False)),
        services=frozenset(table.get("services", [])),
    )
    rules = frozenset(table["rules"]) if "rules" in table else None
    obliges = {field: _value(name, field, value) for field, value in table.get("obliges", {}).items()}
    return Case(file, name, question, at, expect, rules, obliges, str(table.get("says", "")))


def _person(case: str, table: Table) -> Person:
    _known(case, table, PERSON)
    plant, name = bool(table.get("plant", False)), str(table.get("name", "vera"))
    organisation = str(table.get("organisation", "plant" if plant else "vendor"))
    of = Organisation(OrganisationId("org_case"), organisation, "", plant)
    return Person(PersonId("per_case"), name, name, of, frozenset(Role(r) for r in table.get("roles", ["vendor"])))


def _target(case: str, table: Table, person: PersonId, account: str, at: datetime) -> Target:
    _known(case, table, TARGET)
    id_ = TargetId("tgt_case")
    return Target(
        id=id_,
        name=str(table.get("name", "ews-l4")),
        title="",
        zone=Zone(str(table.get("zone", "line4")), "", str(table.get("level", "2"))),
        tier=Tier(table.get("tier", "T1")),
        target_class=TargetClass(table.get("class", "workstation")),
        owners=frozenset({person} if table.get("owner") else ()),
        services=(),
        accounts=(Account(AccountId("acc_case"), account, CredentialKind.PASSWORD),),
        exceptions=tuple(explain.exception(id_, str(kind), at) for kind in table.get("exceptions", [])),
    )


def _value(case: str, field: str, value: Any) -> object:
    """As the obligation's field has it: lists are sets, `4h` is a length of time."""
    kind = Obligations.__annotations__.get(field)
    if kind is None:
        raise Invalid(case, f"obliges: there is no obligation {field}")
    if isinstance(value, list):
        return outermost(value) if field == "file_paths" else frozenset(value)
    return duration(field, value) if kind == timedelta.__name__ else value


def _known(case: str, table: Table, fields: frozenset[str]) -> None:
    if unknown := sorted(table.keys() - fields):
        raise Invalid(case, f"{unknown[0]} is not known here; known are {', '.join(sorted(fields))}")


def probes() -> list[Question]:
    """A question of every action and protocol, with every channel and factor there is."""
    return [
        Question(
            action, person, target, protocol, "engineer", frozenset(Channel), frozenset(Factor), "192.0.2.7",
            services=frozenset({"plc"}),
        )
        for action in Action
        for protocol in Protocol
        for person in [_person("probe", {"roles": list(Role)})]
        for target in [_target("probe", {}, person.id, "engineer", NOON)]
    ]  # fmt: skip
