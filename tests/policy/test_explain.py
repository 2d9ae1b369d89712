"""A denial says which fact is missing (decisions.md 9)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from gateway.identity.model import Role
from gateway.ids import AccountId
from gateway.inventory.model import Account, CredentialKind, Protocol, Tier
from gateway.policy.model import Action, Allow, Channel, Deny, Question
from tests.policy.asking import AT, TOUCHED, engine, forbid, permit, question

BOTH = frozenset({Channel.SHELL, Channel.EXEC})


def denied(at: Path, q: Question, *policies: str) -> Deny:
    decision = engine(at, *policies).decide(q, AT)
    assert isinstance(decision, Deny)
    assert decision.code == "no_permit"
    return decision


@pytest.mark.parametrize("action", [Action.CONNECT, Action.CHANNEL])
def test_an_obliged_phishing_resistant_factor_is_demanded_once_somebody_connects(
    tmp_path: Path, action: Action
) -> None:
    strong = permit("strong", phishing_resistant="true")
    d = denied(tmp_path, question(action, Tier.T2), strong)
    assert d.missing.startswith("Your sign-in has no phishing-resistant factor; targets of tier T2 need one.")
    assert d.missing in d.words
    assert d.rules == ("strong",)
    assert isinstance(engine(tmp_path, strong).decide(question(action, Tier.T2, factors=TOUCHED), AT), Allow)


def test_another_permit_without_it_does_not_take_the_demand_away(tmp_path: Path) -> None:
    d = denied(tmp_path, question(Action.CONNECT), permit("strong", phishing_resistant="true"), permit("weak"))
    assert "phishing-resistant" in d.missing


def test_a_factor_that_a_rule_itself_demands_is_named(tmp_path: Path) -> None:
    d = denied(tmp_path, question(Action.CONNECT), permit("a", "context.phishing_resistant"))
    assert "phishing-resistant" in d.missing


def test_every_role_that_would_do_is_named(tmp_path: Path) -> None:
    rules = (permit("a", 'principal in Role::"operator"'), permit("b", 'principal in Role::"owner"'))
    d = denied(tmp_path, question(), *rules)
    assert d.missing == "You do not have the role operator or owner, which it needs on targets of tier T1."
    assert d.rules == ("a", "b")


def test_a_missing_protocol_account_organisation_tier_or_emergency_is_named(tmp_path: Path) -> None:
    q = question()
    other = Account(AccountId("acc_2"), "maintenance", CredentialKind.PASSWORD)
    q = replace(q, target=replace(q.target, accounts=(*q.target.accounts, other)))
    expected = {
        'context.protocol == Protocol::"rdp"': "rdp is permitted",
        'context.account == "maintenance"': "with account maintenance only",
        "principal.organisation.plant": "persons of the plant itself",
        'resource in Tier::"T0"': "ews-l4 is of tier T1; it is permitted on targets of tier T0 only",
        'resource in Class::"server"': "of class workstation; it is permitted on class server only",
        "context.emergency": "in an emergency only",
        "context.channels == [Channel::\"exec\"]": "",
    }  # fmt: skip
    for number, (when, words) in enumerate(expected.items()):
        d = denied(tmp_path / str(number), q, permit("a", when))
        assert words in d.missing
        assert bool(d.missing) is bool(words)


def test_a_channel_that_keeps_the_others_out_is_named(tmp_path: Path) -> None:
    rule = permit("a", '!context.channels.contains(Channel::"exec")')
    d = denied(tmp_path, question(channels=BOTH), rule)
    assert d.missing == "It is permitted without channel exec."


def test_a_channel_beyond_the_joined_ones_is_refused_by_name(tmp_path: Path) -> None:
    d = denied(tmp_path, question(channels=BOTH), permit("a", channels="shell,exec"), permit("b", channels="shell"))
    assert d.missing == "Channel exec is not permitted on ews-l4; only shell is."
    assert d.rules == ("a", "b")


def test_a_connection_with_some_channels_left_may_start_and_one_with_none_may_not(tmp_path: Path) -> None:
    shell_only = engine(tmp_path, permit("a", channels="shell"))
    some = shell_only.decide(question(Action.CONNECT, channels=BOTH), AT)
    assert isinstance(some, Allow)
    assert some.obligations.channels == {Channel.SHELL}
    none = shell_only.decide(question(Action.CONNECT, channels=frozenset({Channel.EXEC})), AT)
    assert isinstance(none, Deny)
    opened = shell_only.decide(question(Action.CHANNEL, channels=frozenset({Channel.EXEC})), AT)
    assert isinstance(opened, Deny)


def test_when_one_change_is_not_enough_nothing_is_guessed(tmp_path: Path) -> None:
    rule = permit("a", 'principal in Role::"owner" && context.protocol == Protocol::"rdp"')
    d = denied(tmp_path, question(), rule)
    assert (d.missing, d.rules) == ("", ())
    assert d.words == "No rule of this plant permits asking for ssh access to ews-l4."


def test_a_change_that_a_forbid_would_stop_is_no_help(tmp_path: Path) -> None:
    rules = (permit("a", 'principal in Role::"owner"'), forbid("f", 'principal in Role::"owner"'))
    assert denied(tmp_path, question(), *rules).missing == ""


def test_the_explanation_never_permits(tmp_path: Path) -> None:
    """The variants are asked for words alone: whatever they answer, the question's own answer stands."""
    for role in Role:
        q = question(roles=frozenset(set(Role) - {role}))
        rule = permit("a", f'principal in Role::"{role}"')
        assert isinstance(engine(tmp_path, rule).decide(q, AT), Deny)


def test_hours_source_owner_and_zone_can_be_ruled_on(tmp_path: Path) -> None:
    def allowed(when: str, q: Question, hours: float = 0) -> bool:
        return isinstance(engine(tmp_path, permit("a", when)).decide(q, AT + timedelta(hours=hours)), Allow)

    q = question()
    office = 'context.at.toTime() >= duration("6h") && context.at.toTime() < duration("18h")'
    assert allowed(office, q)
    assert not allowed(office, q, hours=12)
    home = 'context has source && context.source.isInRange(ip("192.0.2.0/24"))'
    assert allowed(home, q)
    assert not allowed(home, replace(q, source="198.51.100.1"))
    assert allowed(home, replace(q, source="::ffff:192.0.2.9"))
    assert not allowed(home, replace(q, source=""))
    assert not allowed("context.owner", q)
    assert allowed("context.owner", replace(q, target=replace(q.target, owners=frozenset({q.person.id}))))
    assert allowed('resource in Zone::"line4"', q)
    assert not allowed('resource in Zone::"line5"', q)


def test_each_action_has_its_own_words(tmp_path: Path) -> None:
    says = {Action.REQUEST: "asking for", Action.CONNECT: "connecting to", Action.CHANNEL: "opening channel"}
    for action in Action:
        assert says[action] in denied(tmp_path, question(action)).words
    assert Protocol.SSH in denied(tmp_path, question()).words


def test_without_an_explanation_the_answer_is_the_same_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, asked = engine(tmp_path, permit("a", 'principal in Role::"owner"')), 0
    whole = loaded.decide(question(), AT)
    real = cedarpy.is_authorized

    def counted(*args: Any, **named: Any) -> cedarpy.AuthzResult:
        nonlocal asked
        asked += 1
        return real(*args, **named)

    monkeypatch.setattr(cedarpy, "is_authorized", counted)
    short = loaded.decide(question(), AT, explained=False)
    assert isinstance(whole, Deny)
    assert isinstance(short, Deny)
    assert (short.code, short.version, short.missing) == (whole.code, whole.version, "")
    assert asked == 1
