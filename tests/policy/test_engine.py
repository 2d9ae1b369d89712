"""Loading whole or not at all, deciding, and failing closed."""

from dataclasses import replace
from pathlib import Path

import cedarpy
import pytest

from gateway.errors import Invalid
from gateway.identity.model import Role
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Action, Allow, Channel, Deny
from tests.policy.asking import AT, OBLIGES, engine, folder, forbid, permit, question, renamed


def test_an_empty_folder_gives_nobody_anything(tmp_path: Path) -> None:
    """C3."""
    empty = PolicyEngine.load(tmp_path)
    for action in Action:
        for role in Role:
            decision = empty.decide(question(action, roles=frozenset({role}), plant=True), AT)
            assert isinstance(decision, Deny)
            assert decision.code == "no_permit"
    assert len(empty.version) == 12


def test_a_folder_with_a_schema_and_no_policy_gives_nobody_anything(tmp_path: Path) -> None:
    assert isinstance(engine(tmp_path).decide(question(), AT), Deny)


def test_a_folder_of_forbids_gives_nobody_anything(tmp_path: Path) -> None:
    assert isinstance(engine(tmp_path, forbid("f", "context.emergency")).decide(question(), AT), Deny)


def test_a_folder_that_is_not_there_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is not a folder"):
        PolicyEngine.load(tmp_path / "nowhere")


def test_policies_without_a_schema_refuse_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text(permit("a"))
    with pytest.raises(Invalid) as caught:
        PolicyEngine.load(tmp_path)
    assert caught.value.field == "schema.cedarschema"


def test_the_permits_that_decide_are_joined_to_the_strictest(tmp_path: Path) -> None:
    decision = engine(
        tmp_path,
        permit("a", approvals="1", approver_roles="owner", idle="20m", channels="shell,exec"),
        permit("b", approvals="2", approver_roles="operator", idle="5m", channels="shell,sftp.read", release="false"),
        permit("c", 'principal == Person::"otto"', idle="1m"),
    ).decide(question(), AT)
    assert isinstance(decision, Allow)
    assert decision.rules == ("a", "b")
    o = decision.obligations
    assert (o.approvals, o.approver_roles, o.release) == (2, {"owner", "operator"}, True)
    assert o.idle.total_seconds() == 300
    assert o.channels == {Channel.SHELL}


def test_a_forbid_beats_every_permit_and_says_its_title(tmp_path: Path) -> None:
    decision = engine(tmp_path, permit("a"), permit("b"), forbid("stop", title="The line is starting up")).decide(
        question(), AT
    )
    assert isinstance(decision, Deny)
    assert (decision.code, decision.rules) == ("forbidden", ("stop",))
    assert "The line is starting up" in decision.words


def test_every_forbid_that_speaks_is_named(tmp_path: Path) -> None:
    decision = engine(tmp_path, permit("a"), forbid("x", title="One"), forbid("y", title="Two")).decide(question(), AT)
    assert isinstance(decision, Deny)
    assert decision.rules == ("x", "y")
    assert "One" in decision.words
    assert "Two" in decision.words


def test_a_forbid_that_fails_while_it_is_evaluated_does_not_let_anybody_in(tmp_path: Path) -> None:
    """Cedar leaves a failing policy out; were that all, the forbid would be gone and the permit would win."""
    failing = forbid("overflow", "9223372036854775807 + 1 == 0")
    decision = engine(tmp_path, permit("a"), failing).decide(question(), AT)
    assert isinstance(decision, Deny)
    assert decision.code == "policy_error"


@pytest.mark.parametrize("error", [RuntimeError("engine"), ValueError("json"), KeyError("decision")])
def test_when_cedar_raises_the_answer_is_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    loaded = engine(tmp_path, permit("a"))
    assert isinstance(loaded.decide(question(), AT), Allow)

    def broken(*args: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(cedarpy, "is_authorized", broken)
    decision = loaded.decide(question(), AT)
    assert isinstance(decision, Deny)
    assert decision.code == "policy_error"
    assert "nobody is let in" in decision.words


def test_a_reason_that_no_file_has_is_not_an_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = engine(tmp_path, permit("a"))
    answer = {"decision": "Allow", "diagnostics": {"reason": ["ghost"], "errors": []}}
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *a, **n: cedarpy.AuthzResult(answer))
    assert isinstance(loaded.decide(question(), AT), Deny)


def test_an_allow_without_a_reason_is_not_an_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = engine(tmp_path, permit("a"))
    answer = {"decision": "Allow", "diagnostics": {"reason": [], "errors": []}}
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *a, **n: cedarpy.AuthzResult(answer))
    assert isinstance(loaded.decide(question(), AT), Deny)


@pytest.mark.parametrize("source", ["not an address", "192.0.2.1; drop", "10.0.0.1/8"])
def test_a_source_that_is_no_address_is_answered_no(tmp_path: Path, source: str) -> None:
    decision = engine(tmp_path, permit("a")).decide(replace(question(), source=source), AT)
    assert isinstance(decision, Deny)
    assert decision.code == "policy_error"


@pytest.mark.parametrize(
    "name", ['vera", Role::"admin', 'x"}', "otto\\", "otto\n", 'otto" || true || "', "", "o\u0000tto", "\ud800"]
)
def test_no_name_speaks_cedar(tmp_path: Path, name: str) -> None:
    """A log-in name made to end the quoted id early is another name, or an error; never somebody else."""
    loaded = engine(tmp_path, permit("a", scope='principal == Person::"otto", action, resource'))
    assert isinstance(loaded.decide(renamed(question(), "otto"), AT), Allow)
    assert isinstance(loaded.decide(renamed(question(), name), AT), Deny)


def test_the_same_folder_has_the_same_version_and_any_change_another(tmp_path: Path) -> None:
    one = engine(tmp_path / "a", permit("a")).version
    assert one == engine(tmp_path / "b", permit("a")).version
    assert one != engine(tmp_path / "c", permit("a", idle="21m")).version
    assert one != engine(tmp_path / "d", permit("a") + "\n// a word\n").version
    assert one != PolicyEngine.load(folder(tmp_path / "e", other=permit("a"))).version
    assert len(one) == 12
    assert set(one) <= set("0123456789abcdef")


def test_line_ends_of_another_system_do_not_change_the_version(tmp_path: Path) -> None:
    one = engine(tmp_path / "a", permit("a")).version
    there = folder(tmp_path / "b", permit("a"))
    (there / "00.cedar").write_bytes(permit("a").replace("\n", "\r\n").encode())
    assert PolicyEngine.load(there).version == one


BROKEN = {
    "a bracket is missing": ("permit (principal", "does not parse"),
    "a fact is unknown": (permit("a", "context.weather == 1"), "weather"),
    "a role is misspelt": (permit("a", 'principal in Role::"vender"'), "vender"),
    "a tier is misspelt": (permit("a", scope='principal, action, resource in Tier::"T9"'), "T9"),
    "an action is misspelt": (permit("a", scope='principal, action == Action::"conect", resource'), "conect"),
    "a type is wrong": (permit("a", "context.account == 5"), "a: "),
    "the id is missing": ('@title("x") forbid (principal, action, resource);', "@id"),
    "the id has spaces": ('@id("a b") @title("x") forbid (principal, action, resource);', "a b"),
    "the title is missing": ('@id("a") forbid (principal, action, resource);', "@title"),
    "the title moves the cursor": ('@id("a") @title("x\\u{1b}[2J") forbid (principal, action, resource);', "control"),
    "a forbid obliges": ('@id("a") @title("x") @idle("1m") forbid (principal, action, resource);', "@idle"),
    "an annotation is misspelt": (permit("a", aprovals="2"), "@aprovals"),
    "a number is negative": (permit("a", approvals="-1"), "@approvals"),
    "a number is a word": (permit("a", concurrency="one"), "@concurrency"),
    "no session fits": (permit("a", concurrency="0"), "@concurrency"),
    "no connection fits": (permit("a", connections="0"), "@connections"),
    "a digit is not ASCII": (permit("a", approvals="\u0661"), "@approvals"),
    "a flag is a word": (permit("a", release="yes"), "@release"),
    "a time has no unit": (permit("a", idle="20"), "@idle"),
    "a time is nothing": (permit("a", idle="0m"), "@idle"),
    "a time is negative": (permit("a", idle="-5m"), "@idle"),
    "a time is endless": (permit("a", idle="999999999d"), "@idle"),
    "the total is shorter than the session": (permit("a", max_session="8h", max_total="4h"), "@max_total"),
    "a channel is misspelt": (permit("a", channels="shel"), "@channels"),
    "no channel is named": (permit("a", channels=""), "@channels"),
    "a role of approvers is misspelt": (permit("a", approver_roles="boss"), "@approver_roles"),
    "vendors approve": (permit("a", approver_roles="vendor"), "@approver_roles"),
    "nobody may approve": (permit("a", approver_roles=""), "@approver_roles"),
    "more roles than approvals": (permit("a", approver_roles="owner,operator"), "@approvals"),
    "the recorder does what": (permit("a", recorder="ignore"), "@recorder"),
    "a template": (
        permit("a", scope="principal == ?principal, action, resource"),
        "template",
    ),
} | {f"{name} is missing": (permit("a", **{name: None}), f"@{name}") for name in OBLIGES}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_not_loaded_and_names_itself_and_the_reason(tmp_path: Path, what: str) -> None:
    text, reason = BROKEN[what]
    there = folder(tmp_path, permit("good"), broken=text)
    with pytest.raises(Invalid) as caught:
        PolicyEngine.load(there)
    assert caught.value.field == "broken.cedar"
    assert reason in caught.value.words


def test_two_rules_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"is also in 00\.cedar") as caught:
        engine(tmp_path, permit("a"), permit("a", idle="1m"))
    assert caught.value.field == "01.cedar"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    there = folder(tmp_path, permit("a"))
    (there / "bad.cedar").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid) as caught:
        PolicyEngine.load(there)
    assert caught.value.field == "bad.cedar"


def test_a_schema_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    there = folder(tmp_path, permit("a"))
    (there / "schema.cedarschema").write_text("entity ;")
    with pytest.raises(Invalid) as caught:
        PolicyEngine.load(there)
    assert caught.value.field == "schema.cedarschema"


def test_a_schema_that_says_less_than_the_gateway_does_is_answered_no(tmp_path: Path) -> None:
    there = folder(tmp_path, permit("a"))
    schema = (there / "schema.cedarschema").read_text().replace("emergency: Bool,", "")
    (there / "schema.cedarschema").write_text(schema)
    assert isinstance(PolicyEngine.load(there).decide(question(), AT), Deny)


def test_a_bare_flag_is_true_and_a_stated_false_is_false(tmp_path: Path) -> None:
    bare = permit("a", observer=None, phishing_resistant="false").replace("permit (", "@observer\npermit (")
    decision = engine(tmp_path, bare).decide(question(), AT)
    assert isinstance(decision, Allow)
    assert decision.obligations.observer is True
    assert decision.obligations.phishing_resistant is False
