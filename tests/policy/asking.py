"""Questions for tests, and policy folders of their own."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.identity.model import Factor, Organisation, Person, Role
from gateway.ids import AccountId, OrganisationId, PersonId, TargetId
from gateway.inventory.model import Account, CredentialKind, Protocol, Target, TargetClass, Tier, Zone
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Action, Channel, Question

ROOT = Path(__file__).parent.parent.parent
DEFAULTS = ROOT / "policies"
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
TWO = frozenset({Factor.PASSWORD, Factor.TOTP})
TOUCHED = frozenset({Factor.SSH_KEY_TOUCHED, Factor.TOTP})

OBLIGES = {
    "approvals": "1",
    "approver_roles": "owner",
    "release": "true",
    "observer": "false",
    "phishing_resistant": "false",
    "freshness": "15m",
    "max_session": "4h",
    "max_total": "8h",
    "release_expires": "15m",
    "idle": "20m",
    "concurrency": "1",
    "connections": "8",
    "recorder": "end",
    "channels": "shell,exec",
}


def question(
    action: Action = Action.REQUEST,
    tier: Tier = Tier.T1,
    roles: frozenset[Role] = frozenset({Role.VENDOR}),
    *,
    plant: bool = False,
    channels: frozenset[Channel] = frozenset({Channel.SHELL}),
    factors: frozenset[str] = TWO,
    protocol: Protocol = Protocol.SSH,
    target_class: TargetClass = TargetClass.WORKSTATION,
) -> Question:
    organisation = Organisation(OrganisationId("org_1"), "works" if plant else "kranz", "", plant)
    person = Person(PersonId("per_vera"), "vera", "Vera", organisation, roles)
    accounts = (Account(AccountId("acc_1"), "engineer", CredentialKind.PASSWORD),)
    zone = Zone("line4", "Line 4", "2")
    owners = frozenset({PersonId("per_omar")})
    target = Target(TargetId("tgt_1"), "ews-l4", "EWS", zone, tier, target_class, owners, (), accounts)
    return Question(action, person, target, protocol, "engineer", channels, factors, "192.0.2.7")


def renamed(q: Question, name: str) -> Question:
    return replace(q, person=replace(q.person, name=name))


def permit(name: str, when: str = "", scope: str = "principal, action, resource", **changed: str | None) -> str:
    """A permit with every obligation, some of them `changed`, or left out when None."""
    annotations = {"id": name, "title": f"Rule {name}", **OBLIGES, **changed}
    lines = [f'@{key}("{value}")' for key, value in annotations.items() if value is not None]
    return "\n".join([*lines, f"permit ({scope})", f"when {{ {when or 'true'} }};"])


def forbid(name: str, when: str = "true", title: str = "Not here") -> str:
    return f'@id("{name}") @title("{title}")\nforbid (principal, action, resource) when {{ {when} }};'


def folder(at: Path, *policies: str, **files: str) -> Path:
    """A policy folder with the default schema, the policies one a file, and whole files by name."""
    at.mkdir(exist_ok=True)
    (at / "schema.cedarschema").write_text((DEFAULTS / "schema.cedarschema").read_text())
    for number, text in enumerate(policies):
        (at / f"{number:02}.cedar").write_text(text)
    for name, text in files.items():
        (at / f"{name}.cedar").write_text(text)
    return at


def engine(at: Path, *policies: str) -> PolicyEngine:
    return PolicyEngine.load(folder(at, *policies))
