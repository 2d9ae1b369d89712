"""The site's policy: Cedar files, loaded and checked whole, asked at request, at connect and at each channel.

Rules first:
- nothing is permitted that no permit names; a forbid beats every permit;
- the obligations of all permits that determine one decision are joined to the strictest;
- a policy that fails while it is evaluated would be left out by Cedar, a forbid too: here the answer is no;
- a folder that is not wholly right is not loaded at all.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import cedarpy
import structlog

from gateway.errors import GatewayError, Invalid
from gateway.identity.model import PHISHING_RESISTANT
from gateway.policy import explain, facts, files
from gateway.policy.mentions import Mentions
from gateway.policy.model import Action, Allow, Decision, Deny, Obligations, Question
from gateway.policy.rules import Rule, parse

log = structlog.get_logger(__name__)


class PolicyFailed(GatewayError):
    """Cedar could not evaluate the question."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Cedar says, before obligations. `rules` determined it: permits when it is allowed, else forbids."""

    allowed: bool
    rules: tuple[str, ...]


class PolicyEngine:
    """INVARIANT: `decide` never raises and never answers Allow unless Cedar did without a single error.

    Attributes:
        version: names the exact contents of the policy set.
        rules: by their @id.
        mentions: what its policies can tell apart.
    """

    def __init__(self, rules: Iterable[Rule], schema: str, version: str) -> None:
        self.version = version
        self.rules: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in rules})
        # Ids of our own: parsed from text, Cedar calls them policy0, policy1, ... whatever @id says.
        bodies = {rule.id: rule.body for rule in self.rules.values()}
        document = {"staticPolicies": bodies, "templates": {}, "templateLinks": []}
        self._policies = cedarpy.PolicySet.from_json_str(json.dumps(document))
        self._schema = cedarpy.Schema.from_str(schema)
        self.mentions = Mentions.of(rule.body for rule in self.rules.values())
        permits = (rule.body for rule in self.rules.values() if rule.obligations is not None)
        timed = tuple(body for body in permits if Mentions.of([body]).reads("at"))
        self._hints = explain.Hints(self.mentions.exceptions, self.mentions.networks, timed)

    @classmethod
    def load(cls, folder: Path) -> PolicyEngine:
        """The policy set of `folder`. No policy means that nobody gets in.

        Raises:
            Invalid: the field is the file, the words say what is wrong with it.
        """
        return cls.of(files.read(folder))

    @classmethod
    def of(cls, texts: files.Files, version: str = "") -> PolicyEngine:
        """One schema, and the Cedar files in the order of their names; no cases are run.

        Args:
            version: its name, where it is not that of `texts`.

        Raises:
            Invalid: the field is the file, the words say what is wrong with it.
        """
        schema = texts.get(files.SCHEMA, "")
        try:
            cedarpy.Schema.from_str(schema)
        except ValueError as error:
            raise Invalid(files.SCHEMA, f"does not parse: {error}") from None
        seen: dict[str, Rule] = {}
        for name, text in files.policies(texts).items():
            for rule in parse(name, text, schema):
                if rule.id in seen:
                    raise Invalid(name, f"@id({rule.id!r}) is also in {seen[rule.id].file}")
                seen[rule.id] = rule
        return cls(seen.values(), schema, version or files.version(texts))

    def decide(self, q: Question, at: datetime, *, explained: bool = True) -> Decision:
        """Whether `q` is permitted at `at`, under which obligations, or why not.

        Args:
            explained: whether a default denial names the missing fact, which costs some twenty evaluations; a list of
                what a person may reach does not need it.
        """
        try:
            return self._decide(q, at) if explained else self._ask(q, at)
        except Exception as error:  # noqa: BLE001 - the boundary to the policy language: whatever fails, the answer is no
            log.error("Policy cannot answer", error=f"{type(error).__name__}: {error}", version=self.version)
            return self.failed()

    def failed(self) -> Deny:
        """The answer when there is none."""
        words = "The gateway's policy cannot answer at the moment, so nobody is let in. Call the plant's administrator."
        return Deny("policy_error", words, (), "", self.version)

    def cannot_answer(self, q: Question, at: datetime) -> str:
        """Why Cedar cannot even be asked `q`; empty when it can."""
        request = facts.request(q, at)
        result = cedarpy.is_authorized(request, self._policies, json.dumps(facts.entities(q)), schema=self._schema)
        undecided = result.decision is cedarpy.Decision.NoDecision
        return "; ".join(map(str, result.diagnostics.errors)) if undecided else ""

    def _decide(self, q: Question, at: datetime) -> Decision:
        answer = self._ask(q, at)
        if isinstance(answer, Allow) or answer.code != "no_permit" or answer.missing:
            return answer

        def ask(variant: Question, moment: datetime) -> Allow | None:
            return a if isinstance(a := self._ask(variant, moment), Allow) else None

        found = explain.missing(q, at, ask, self._hints)
        return answer if found is None else self._no_permit(q, found.words, found.rules)

    def _ask(self, q: Question, at: datetime) -> Decision:
        """One evaluation; a default denial is not explained yet."""
        return self.judged(q, self.verdict(facts.request(q, at), facts.entities(q)))

    def verdict(self, request: facts.Json, entities: list[facts.Json]) -> Verdict:
        """
        Raises:
            PolicyFailed: Cedar could not evaluate it without a single error.
        """
        if not self.rules:
            return Verdict(allowed=False, rules=())
        result = cedarpy.is_authorized(request, self._policies, json.dumps(entities), schema=self._schema)
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            raise PolicyFailed("; ".join(map(str, result.diagnostics.errors)))
        return Verdict(result.allowed, tuple(sorted(result.diagnostics.reasons)))

    def judged(self, q: Question, verdict: Verdict) -> Decision:
        """What `verdict` means for `q`: the obligations of its permits joined, and whether the question meets them."""
        rules = [self.rules[name] for name in verdict.rules]
        if not verdict.allowed:
            return self._forbidden(q, rules) if rules else self._no_permit(q)
        obligations = functools.reduce(Obligations.join, (_of_permit(rule) for rule in rules))
        if unmet := _unmet(q, obligations):
            return self._no_permit(q, unmet, verdict.rules)
        return Allow(obligations, verdict.rules, self.version)

    def _forbidden(self, q: Question, rules: list[Rule]) -> Deny:
        titles = "; ".join(rule.title for rule in rules)
        words = f"A rule of this plant forbids {explain.doing(q)}: {titles}."
        return Deny("forbidden", words, tuple(rule.id for rule in rules), "", self.version)

    def _no_permit(self, q: Question, missing: str = "", rules: tuple[str, ...] = ()) -> Deny:
        words = f"No rule of this plant permits {explain.doing(q)}."
        if missing:
            words = f"{words} {missing}"
        return Deny("no_permit", words, rules, missing, self.version)


def _unmet(q: Question, obligations: Obligations) -> str:
    """What of the joined obligations the question itself fails, in words; empty for nothing.

    The factor matters once somebody connects; whoever asks is only told of it. A session whose channels are permitted
    in part may start: each channel is asked for again when it opens.
    """
    if q.action is not Action.REQUEST and obligations.phishing_resistant and not q.factors & PHISHING_RESISTANT:
        return explain.needs_phishing_resistant(q)
    permitted = q.channels & obligations.channels
    enough = bool(permitted) or not q.channels if q.action is Action.CONNECT else permitted == q.channels
    return "" if enough else explain.channels_not_permitted(q, obligations.channels)


def _of_permit(rule: Rule) -> Obligations:
    if rule.obligations is None:
        raise PolicyFailed(f"{rule.id} permits and is a forbid")
    return rule.obligations
