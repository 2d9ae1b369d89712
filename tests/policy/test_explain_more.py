"""A denial of what came with files and forwards, and of circumstances, says which fact is missing (decisions.md 9)."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from gateway.inventory.model import Protocol
from gateway.policy.model import FILE_CHANNELS, Action, Channel, Deny, Question
from tests.policy.asking import AT, engine, permit, question
from tests.policy.people import NIGHT, target


def denied(at: Path, q: Question, *policies: str, moment: datetime = AT) -> Deny:
    decision = engine(at, *policies).decide(q, moment)
    assert isinstance(decision, Deny)
    return decision


PLC = target("plc-1", services=("plc-program", "hmi"), accounts=())


def forward(to: str) -> Question:
    asked = question(Action.CHANNEL, channels=frozenset({Channel.FORWARD}), protocol=Protocol.TCP)
    return replace(asked, target=PLC, account="", services=frozenset({to}))


def test_a_forward_to_another_service_is_denied_by_the_name_of_that_which_is_permitted(tmp_path: Path) -> None:
    d = denied(tmp_path, forward("hmi"), permit("a", 'context.services == ["plc-program"]', channels="forward"))
    assert d.words == (
        "No rule of this plant permits a forward to hmi on plc-1."
        " A forward to hmi is not permitted; to plc-program it is."
    )
    assert d.rules == ("a",)


def test_a_kind_of_exception_that_a_rule_asks_for_is_named(tmp_path: Path) -> None:
    d = denied(tmp_path, question(), permit("a", 'context.exceptions.contains("shared-account")'))
    assert "only while an exception of the kind shared-account holds for ews-l4" in d.missing
    assert d.rules == ("a",)


def test_the_time_from_which_it_is_permitted_is_named(tmp_path: Path) -> None:
    """A rule for working hours says when they begin, on the next day too."""
    hours = 'context.at.toTime() >= duration("6h") && context.at.toTime() < duration("18h")'
    d = denied(tmp_path, question(), permit("a", hours), moment=NIGHT)
    assert d.missing == "It is not permitted at this time; it is on Wednesday, 2026-11-25 at 06:00 UTC."


def test_a_rule_about_time_that_cannot_concern_the_target_costs_no_question_about_later(tmp_path: Path) -> None:
    """Each moment that is asked about is an evaluation while everybody else waits."""
    hours = ("a", 'context.at.toTime() < duration("1h")')
    moments: list[datetime] = []

    def asked(scope: str) -> set[datetime]:
        tried = engine(tmp_path, permit(*hours, scope=scope), permit("b", 'principal == Person::"nobody"'))
        ask, moments[:] = tried._ask, []
        tried._ask = lambda q, at: moments.append(at) or ask(q, at)  # type: ignore[method-assign,func-returns-value]
        assert isinstance(tried.decide(question(), AT), Deny)
        return set(moments)

    assert asked('principal, action, resource == Target::"elsewhere"') == {AT}
    assert asked('principal, action, resource in Zone::"line5"') == {AT}
    assert len(asked('principal, action, resource in Zone::"line4"')) > 1
    assert len(asked("principal, action, resource")) > 1


def test_that_another_network_is_permitted_is_said_without_naming_it(tmp_path: Path) -> None:
    d = denied(tmp_path, question(), permit("a", 'context has source && context.source.isInRange(ip("10.9.0.0/16"))'))
    assert d.missing == "It is not permitted from where you connect, but from another network."
    assert "10.9" not in d.words


@pytest.mark.parametrize("channel", sorted(FILE_CHANNELS))
def test_an_operation_on_files_that_is_not_permitted_is_named_with_those_that_are(
    tmp_path: Path, channel: Channel
) -> None:
    d = denied(tmp_path, question(Action.CHANNEL, channels=frozenset({channel})), permit("a", channels="shell, exec"))
    assert d.missing == f"Channel {channel} is not permitted on ews-l4; only exec or shell is."
