"""Small sites for questions about many people and targets, and policies made at random."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from gateway.identity.model import Organisation, Person, Role
from gateway.ids import AccountId, OrganisationId, PersonId, ServiceId, TargetId
from gateway.inventory.model import Account, CredentialKind, Protocol, Service, Target, TargetClass, Tier, Zone
from tests.policy.asking import DEFAULTS, forbid, permit

NIGHT = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
SCHEMA = (DEFAULTS / "schema.cedarschema").read_text()
ORGANISATIONS = [
    Organisation(OrganisationId("org_0"), "works", "The works", plant=True),
    Organisation(OrganisationId("org_1"), "kranz", "Kranz Drives", plant=False),
    Organisation(OrganisationId("org_2"), "moss", "Moss Robotics", plant=False),
]
ZONES = [Zone("line4", "Line 4", "2"), Zone("line5", "Line 5", "2"), Zone("dmz", "DMZ", "3.5")]
PASSWORD = CredentialKind.PASSWORD


def person(name: str, *roles: Role, of: int = 1) -> Person:
    return Person(PersonId(f"per_{name}"), name, name.title(), ORGANISATIONS[of], frozenset(roles))


def target(
    name: str,
    tier: Tier = Tier.T1,
    *,
    zone: int = 0,
    target_class: TargetClass = TargetClass.WORKSTATION,
    owners: tuple[str, ...] = (),
    services: tuple[str, ...] = ("ssh",),
    accounts: tuple[str, ...] = ("engineer",),
) -> Target:
    """`services`: ssh, rdp, or the name of a tcp service."""
    return Target(
        id=TargetId(f"tgt_{name}"),
        name=name,
        title=name.upper(),
        zone=ZONES[zone],
        tier=tier,
        target_class=target_class,
        owners=frozenset(PersonId(f"per_{owner}") for owner in owners),
        services=tuple(
            Service(
                ServiceId(f"svc_{name}_{s}"), s, Protocol(s) if s in {"ssh", "rdp"} else Protocol.TCP, "127.0.0.9", 22
            )
            for s in services
        ),
        accounts=tuple(Account(AccountId(f"acc_{name}_{a}"), a, PASSWORD) for a in accounts),
    )


def texts(*policies: str) -> dict[str, str]:
    return {"schema.cedarschema": SCHEMA} | {f"{n:02}.cedar": text for n, text in enumerate(policies)}


PEOPLE = ["vera", "vito", "omar", "sam", "lena"]
TARGETS = ["ews-l4", "ews-l5", "plc-1"]

persons = st.lists(
    st.builds(
        lambda name, roles, of: person(name, *roles, of=of),
        st.sampled_from(PEOPLE),
        st.sets(st.sampled_from([Role.VENDOR, Role.OWNER, Role.OPERATOR]), min_size=1, max_size=2),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda p: p.id,
)
targets = st.lists(
    st.builds(
        lambda name, tier, zone, kind, owners, services, accounts: target(
            name, tier, zone=zone, target_class=kind, owners=tuple(owners), services=tuple(services),
            accounts=tuple(accounts),
        ),
        st.sampled_from(TARGETS),
        st.sampled_from([Tier.T0, Tier.T1]),
        st.integers(0, 2),
        st.sampled_from([TargetClass.WORKSTATION, TargetClass.HMI]),
        st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True),
        st.lists(st.sampled_from(["ssh", "rdp", "plc", "hmi"]), max_size=3, unique=True),
        st.lists(st.sampled_from(["engineer", "guest"]), max_size=2, unique=True),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda t: t.id,
)  # fmt: skip

ATOMS = [
    'principal == Person::"vera"',
    'principal in [Person::"vito", Person::"lena"]',
    'principal in Role::"vendor"',
    'principal in Organisation::"kranz"',
    'principal.organisation == Organisation::"moss"',
    "principal.organisation.plant",
    '{annotations: Person::"lena"}.annotations == principal',
    'resource == Target::"ews-l4"',
    'resource in [Target::"plc-1", Target::"ews-l5"]',
    'resource in Zone::"line4"',
    'Zone::"line5".level == "2"',
    'resource in Tier::"T0"',
    'resource in Class::"hmi"',
    'action == Action::"channel"',
    'action in [Action::"request", Action::"connect"]',
    "context.owner",
    "context.emergency",
    "context.phishing_resistant",
    'context.protocol == Protocol::"ssh"',
    'context.account == "guest"',
    'context.account like "eng*"',
    'context.channels.contains(Channel::"exec")',
    'context.channels == [Channel::"shell"]',
    'context.services.contains("plc")',
    "context.services.isEmpty()",
    'context.channels.containsAny([Channel::"exec", Channel::"desktop"])',
    'context.channels.containsAll([Channel::"shell", Channel::"exec"])',
    '[Channel::"shell", Channel::"exec", Channel::"desktop"].containsAll(context.channels)',
    'context.services.containsAny(["plc", context.account])',
    'context.factors.contains(Factor::"totp")',
    'context.at < datetime("2026-11-24T20:00:00Z")',
    'context has source && context.source.isInRange(ip("192.0.2.0/24"))',
    '{whole: context}.whole.account == "engineer"',
    "true",
]
conditions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inside: st.one_of(
        st.builds("({} && {})".format, inside, inside),
        st.builds("({} || {})".format, inside, inside),
        st.builds("!({})".format, inside),
    ),
    max_leaves=3,
)
SCOPES = [
    "principal, action, resource",
    'principal == Person::"omar", action, resource',
    'principal in Role::"owner", action, resource in Zone::"line5"',
    'principal, action == Action::"connect", resource',
    'principal, action in [Action::"request", Action::"channel"], resource',
    'principal is Person in Organisation::"works", action, resource is Target in Tier::"T1"',
]
CHANNELS = ["shell, exec", "shell, exec, sftp.read, forward", "desktop, desktop.input, clipboard.in, forward"]


@st.composite
def policies(draw: st.DrawFn) -> dict[str, str]:
    made = [permit("base", channels=draw(st.sampled_from(CHANNELS)))]
    for number in range(draw(st.integers(0, 4))):
        when, name = draw(conditions), f"r{number}"
        if draw(st.booleans()):
            made.append(forbid(name, when))
        else:
            scope, channels = draw(st.sampled_from(SCOPES)), draw(st.sampled_from(CHANNELS))
            idle = draw(st.sampled_from(["5m", "20m"]))
            made.append(permit(name, when, scope, channels=channels, idle=idle))
    if draw(st.booleans()):
        del made[0]
    return texts(*made)
