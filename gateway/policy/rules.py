"""One policy file: its Cedar policies as rules, with what their annotations oblige to. Pure.

A permit states every obligation, and those about files when it has any; a missing, unknown or ill one refuses the
file, because a forgotten `@release` would silently be a session that nobody switched on.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import cedarpy

from gateway.errors import Invalid
from gateway.identity.model import Role
from gateway.policy.model import Channel, Obligations, OnRecorderFailure, outermost
from gateway.words import printable

ID: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
DURATION: Final = re.compile(r"([1-9][0-9]{0,4})(s|m|h|d)")
UNITS: Final = MappingProxyType({"s": "seconds", "m": "minutes", "h": "hours", "d": "days"})
COUNT: Final = re.compile(r"[0-9]{1,3}")
NAMING: Final = frozenset({"id", "title"})
# An annotation is called as the field, but for @recorder.
OPTIONAL: Final = frozenset({"file_paths", "file_copy", "file_hold"})  # missing: no bound, no copy, no hold
OBLIGATIONS: Final = frozenset(f.name for f in fields(Obligations)) - {"on_recorder_failure"} - OPTIONAL | {"recorder"}
# A requester's own side approves nothing; the others may, as the site decides.
APPROVERS: Final = frozenset(Role) - {Role.VENDOR}

Annotations = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One Cedar policy.

    Attributes:
        id: its `@id`, unique over the whole folder.
        obligations: of a permit; None for a forbid.
        body: the policy in Cedar's JSON form.
    """

    id: str
    title: str
    file: str
    obligations: Obligations | None
    body: Mapping[str, Any]


def parse(file: str, text: str, schema: str) -> list[Rule]:
    """The rules of one file.

    Raises:
        Invalid: it does not parse, does not fit the schema, or has an annotation missing, unknown or ill; the field
            is the file's name.
    """
    try:
        document = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise Invalid(file, f"does not parse: {error}") from None
    if document["templates"]:
        raise Invalid(file, "has a template (`?principal` or `?resource`); templates permit nothing here")
    rules = [_rule(file, body) for body in document["staticPolicies"].values()]
    checked = cedarpy.validate_policies(text, schema)
    if not checked.validation_passed:
        names = checked.id_annotations_by_policy_id
        reasons = "; ".join(f"{names.get(e.policy_id, e.policy_id)}: {e.error}" for e in checked.errors)
        raise Invalid(file, f"does not fit the schema: {reasons}")
    return rules


def _rule(file: str, body: dict[str, Any]) -> Rule:
    annotations: Annotations = body.get("annotations", {})
    name, title = annotations.get("id") or "", (annotations.get("title") or "").strip()
    if not ID.fullmatch(name):
        raise Invalid(file, f"a policy has @id({name!r}), must be 1 to 64 of a-z 0-9 . -")
    if not title:
        raise Invalid(file, f"{name}: @title is missing; people read it when the rule speaks")
    if title != printable(title):  # it is shown in terminals
        raise Invalid(file, f"{name}: @title has control characters")
    permit = body["effect"] == "permit"
    allowed = NAMING | OBLIGATIONS | OPTIONAL if permit else NAMING
    if unknown := sorted(annotations.keys() - allowed):
        raise Invalid(file, f"{name}: a {body['effect']} has no annotation @{unknown[0]}")
    try:
        return Rule(name, title, file, obligations(annotations) if permit else None, body)
    except Invalid as error:
        raise Invalid(file, f"{name}: @{error.field} {error.words}") from None


def obligations(annotations: Annotations) -> Obligations:
    """What a permit's annotations oblige to.

    Raises:
        Invalid: one is missing or ill; the field is the annotation's name.
    """
    if missing := sorted(OBLIGATIONS - annotations.keys()):
        raise Invalid(missing[0], "is missing; a permit states every obligation")
    stated = Obligations(
        approvals=_count(annotations, "approvals", least=0),
        approver_roles=_names(annotations, "approver_roles", APPROVERS),
        release=_flag(annotations, "release"),
        observer=_flag(annotations, "observer"),
        phishing_resistant=_flag(annotations, "phishing_resistant"),
        freshness=duration("freshness", annotations["freshness"] or ""),
        max_session=duration("max_session", annotations["max_session"] or ""),
        max_total=duration("max_total", annotations["max_total"] or ""),
        release_expires=duration("release_expires", annotations["release_expires"] or ""),
        idle=duration("idle", annotations["idle"] or ""),
        concurrency=_count(annotations, "concurrency", least=1),
        connections=_count(annotations, "connections", least=1),
        on_recorder_failure=_recorder(annotations),
        channels=frozenset(Channel(c) for c in _names(annotations, "channels", frozenset(Channel))),
        file_paths=_paths(annotations),
        file_copy=_option(annotations, "file_copy"),
        file_hold=_option(annotations, "file_hold"),
    )
    if stated.approvals < len(stated.approver_roles):
        raise Invalid("approvals", f"is {stated.approvals}, but @approver_roles names {len(stated.approver_roles)}")
    if stated.approvals and not stated.approver_roles:
        raise Invalid("approver_roles", f"names nobody, but @approvals is {stated.approvals}")
    if stated.max_session > stated.max_total:
        raise Invalid("max_total", "is shorter than @max_session")
    if not stated.channels:
        raise Invalid("channels", "names none; a permit without a channel permits nothing")
    return stated


def _count(annotations: Annotations, field: str, *, least: int) -> int:
    text = annotations[field] or ""
    if not COUNT.fullmatch(text) or int(text) < least:
        raise Invalid(field, f"is {text!r}, must be a number from {least} to 999")
    return int(text)


def _flag(annotations: Annotations, field: str) -> bool:
    """A bare annotation is true."""
    text = annotations[field]
    if text not in {None, "true", "false"}:
        raise Invalid(field, f'is {text!r}, must be "true" or "false"')
    return text != "false"


def _option(annotations: Annotations, field: str) -> bool:
    return field in annotations and _flag(annotations, field)


def _paths(annotations: Annotations) -> tuple[str, ...] | None:
    """Prefixes as a target's canonical paths begin: whole names, no way up."""
    if "file_paths" not in annotations:
        return None
    paths = [p.strip() for p in (annotations["file_paths"] or "").split(",")]
    for path in paths:
        if not path.startswith("/") or path.startswith("//") or posixpath.normpath(path) != path or "\0" in path:
            raise Invalid("file_paths", f"names {path!r}, must be absolute directories such as /srv/incoming")
    return outermost(paths)


def duration(field: str, text: str) -> timedelta:
    """A length of time such as `15m`.

    Raises:
        Invalid: anything else.
    """
    match = DURATION.fullmatch(text)
    if match is None:
        raise Invalid(field, f"is {text!r}, must be a number and s, m, h or d, such as 15m")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _names(annotations: Annotations, field: str, known: frozenset[Any]) -> frozenset[str]:
    names = [n.strip() for n in (annotations[field] or "").split(",")]
    if names == [""]:
        return frozenset()
    if unknown := [n for n in names if n not in known]:
        raise Invalid(field, f"names {unknown[0]!r}, must be of: {', '.join(sorted(known))}")
    return frozenset(names)


def _recorder(annotations: Annotations) -> OnRecorderFailure:
    text = annotations["recorder"]
    if text not in set(OnRecorderFailure):
        raise Invalid("recorder", f'is {text!r}, must be "pause" or "end"')
    return OnRecorderFailure(text)
