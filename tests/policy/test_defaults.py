"""The policies that are shipped: every tier, action and role, and their own table of cases."""

import pytest

from gateway.errors import Invalid
from gateway.identity.model import Role
from gateway.inventory.model import Protocol, TargetClass, Tier
from gateway.policy import check, files
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import FILE_CHANNELS, USUAL_CHANNELS, Action, Allow, Channel, Deny
from tests.policy.asking import AT, DEFAULTS, TOUCHED, TWO, question

RULE = {Tier.T0: "t0.monitoring", Tier.T1: "t1.standard-cell", Tier.T2: "t2.critical-process", Tier.T3: "t3.safety"}
REACHING = {Role.VENDOR, Role.OPERATOR, Role.OWNER}
STRONG = {Tier.T2, Tier.T3}
CASES = check.cases(files.cases(files.read(DEFAULTS)))


@pytest.fixture(scope="module")
def engine() -> PolicyEngine:
    return PolicyEngine.load(DEFAULTS)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_shipped_cases_hold(engine: PolicyEngine, case: check.Case) -> None:
    assert check.failures(engine, case) == []


def test_there_are_shipped_cases() -> None:
    assert len(CASES) >= 15


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("factors", [TWO, TOUCHED], ids=["code", "touched"])
def test_each_tier_action_and_role_gets_the_answer_of_the_table(
    engine: PolicyEngine, tier: Tier, action: Action, role: Role, factors: frozenset[str]
) -> None:
    decision = engine.decide(question(action, tier, frozenset({role}), factors=factors), AT)
    enough = factors == TOUCHED or tier not in STRONG or action is Action.REQUEST
    if role in REACHING and enough:
        assert isinstance(decision, Allow)
        assert decision.rules == (RULE[tier],)
        assert decision.version == engine.version
        assert decision.obligations.release is (tier is not Tier.T0)
        assert decision.obligations.observer is (tier is Tier.T3)
        assert decision.obligations.approvals == (2 if tier in STRONG else 1)
    else:
        assert isinstance(decision, Deny)
        assert decision.code == "no_permit"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_a_person_without_a_reaching_role_gets_nothing_even_from_the_plant_with_a_touched_key(
    engine: PolicyEngine, role: Role
) -> None:
    for tier in Tier:
        q = question(Action.CONNECT, tier, frozenset({role}), plant=True, factors=TOUCHED)
        assert isinstance(engine.decide(q, AT), Deny)


def test_a_shell_is_no_part_of_forwards_alone_on_any_tier(engine: PolicyEngine) -> None:
    for tier in Tier:
        assert isinstance(engine.decide(question(tier=tier, protocol=Protocol.TCP, factors=TOUCHED), AT), Deny)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("tier", Tier)
def test_a_desktop_has_obligations_of_its_own_on_every_tier_but_the_last(
    engine: PolicyEngine, tier: Tier, action: Action
) -> None:
    q = question(action, tier, channels=USUAL_CHANNELS[Protocol.RDP], protocol=Protocol.RDP, factors=TOUCHED)
    decision = engine.decide(q, AT)
    if tier is Tier.T3:
        assert isinstance(decision, Deny)
        assert (decision.code, decision.rules) == ("forbidden", ("t3.no-desktop",))
    else:
        assert isinstance(decision, Allow)
        assert decision.rules == (f"{tier.lower()}.desktop",)


@pytest.mark.parametrize("target_class", TargetClass)
@pytest.mark.parametrize("tier", Tier)
def test_the_screen_of_an_operator_station_is_taken_by_nobody(
    engine: PolicyEngine, tier: Tier, target_class: TargetClass
) -> None:
    q = question(
        Action.CONNECT, tier, frozenset(Role), plant=True, channels=frozenset({Channel.DESKTOP}),
        protocol=Protocol.RDP, factors=TOUCHED, target_class=target_class,
    )  # fmt: skip
    decision = engine.decide(q, AT)
    closed = target_class is TargetClass.OPERATOR_STATION or tier is Tier.T3
    assert isinstance(decision, Deny if closed else Allow)
    if isinstance(decision, Deny):
        assert "away" in decision.words


REDIRECTIONS = {Channel.DRIVE, Channel.PRINTER, Channel.AUDIO_IN, Channel.AUDIO_OUT, Channel.USB, Channel.SMARTCARD}


@pytest.mark.parametrize("channel", sorted(REDIRECTIONS))
def test_redirections_are_closed_on_every_tier_61(engine: PolicyEngine, channel: Channel) -> None:
    for tier in Tier:
        for protocol in Protocol:
            q = question(Action.CHANNEL, tier, channels=frozenset({channel}), protocol=protocol, factors=TOUCHED)
            assert isinstance(engine.decide(q, AT), Deny)


def test_nobody_gets_the_clipboard_without_asking_for_it() -> None:
    assert not USUAL_CHANNELS[Protocol.RDP] & {Channel.CLIPBOARD_IN, Channel.CLIPBOARD_OUT}


FILES = {
    Tier.T0: {Channel.SFTP_READ},
    Tier.T1: FILE_CHANNELS,
    Tier.T2: {Channel.SFTP_READ, Channel.SFTP_WRITE},
    Tier.T3: set[Channel](),
}


@pytest.mark.parametrize("channel", sorted(FILE_CHANNELS))
def test_files_are_moved_as_far_as_the_tier_says_and_over_ssh_alone(engine: PolicyEngine, channel: Channel) -> None:
    for tier in Tier:
        for protocol in Protocol:
            q = question(Action.CHANNEL, tier, channels=frozenset({channel}), protocol=protocol, factors=TOUCHED)
            opens = protocol is Protocol.SSH and channel in FILES[tier]
            assert isinstance(engine.decide(q, AT), Allow if opens else Deny), (tier, protocol)


def test_what_reaches_a_critical_process_is_held_and_kept(engine: PolicyEngine) -> None:
    """C62: and nowhere else by default, where an owner could not tell what to do with it."""
    for tier in Tier:
        decision = engine.decide(question(tier=tier, factors=TOUCHED), AT)
        assert isinstance(decision, Allow)
        obliges = decision.obligations
        assert (obliges.file_hold, obliges.file_copy) == (tier is Tier.T2, tier is Tier.T2)
        assert obliges.file_paths is None


@pytest.mark.parametrize("protocol", [Protocol.SSH, Protocol.TCP])
def test_forwards_lead_into_monitoring_and_standard_cells_alone(engine: PolicyEngine, protocol: Protocol) -> None:
    forward = frozenset({Channel.FORWARD})
    for tier in Tier:
        for role in Role:
            q = question(Action.CHANNEL, tier, frozenset({role}), channels=forward, protocol=protocol, factors=TOUCHED)
            opens = tier in {Tier.T0, Tier.T1} and role in REACHING
            assert isinstance(engine.decide(q, AT), Allow if opens else Deny), (tier, role)


def test_nobody_gets_files_or_a_forward_of_a_shell_without_asking_for_it() -> None:
    assert not USUAL_CHANNELS[Protocol.SSH] & {*FILE_CHANNELS, Channel.FORWARD}


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("role", Role)
def test_nobody_of_a_vendor_reaches_an_operator_station(engine: PolicyEngine, tier: Tier, role: Role) -> None:
    q = question(Action.CONNECT, tier, frozenset({role}), factors=TOUCHED, target_class=TargetClass.OPERATOR_STATION)
    decision = engine.decide(q, AT)
    assert isinstance(decision, Deny)
    assert decision.code == "forbidden"


def test_a_person_with_no_role_gets_nothing(engine: PolicyEngine) -> None:
    assert isinstance(engine.decide(question(roles=frozenset()), AT), Deny)


def test_a_wrong_expectation_is_reported_and_not_passed_over(engine: PolicyEngine) -> None:
    text = (
        '[[case]]\nname = "a"\naction = "request"\nexpect = "forbidden"\n'
        '[[case]]\nname = "b"\naction = "request"\nexpect = "allow"\nobliges = { approvals = 7, idle = "1m" }\n'
        '[[case]]\nname = "c"\naction = "request"\nexpect = "allow"\nrules = ["other"]\n'
        '[[case]]\nname = "d"\naction = "request"\nprotocol = "tcp"\nchannels = ["shell"]\n'
        'expect = "no_permit"\nsays = "the moon"\n'
    )
    a, b, c, d = (check.failures(engine, case) for case in check.cases({"x.toml": text}))
    assert a == ["expected forbidden, got allow: by t1.standard-cell"]
    assert len(b) == 2
    assert "other" in c[0]
    assert "the moon" in d[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[case]]\nname = "a"\naction = "request"\n', "expect"),
        ('[[case]]\nname = "a"\naction = "fly"\nexpect = "allow"\n', "fly"),
        ('[[case]]\nname = "a"\naction = "request"\nexpect = "maybe"\n', "maybe"),
        ('[[case]]\nname = "a"\naction = "request"\nexpect = "allow"\ncolour = 1\n', "colour"),
        ('[[case]]\nname = "a"\naction = "request"\nexpect = "allow"\nobliges = { speed = 1 }\n', "speed"),
        ('[[case]]\nname = "a"\naction = "request"\nexpect = "allow"\nobliges = { idle = "soon" }\n', "soon"),
        ('[[case]]\nname = "a"\naction = "request"\nexpect = "allow"\nperson = { mood = 1 }\n', "mood"),
        ("[[case]\n", "x.toml"),
        ("case = 5\n", "x.toml"),
    ],
)
def test_a_case_that_cannot_be_meant_names_its_file_and_reason(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        check.cases({"x.toml": text})
    assert caught.value.field == "x.toml"
    assert reason in str(caught.value)
