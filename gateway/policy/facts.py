"""From the domain to Cedar: the request, and the slice of entities that the schema lets a policy speak of. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.identity.model import PHISHING_RESISTANT
from gateway.policy.model import Question

Json = dict[str, Any]


def request(q: Question, at: datetime) -> Json:
    """Cedar's request for `q`.

    Raises:
        ValueError: `source` is neither empty nor a network address.
    """
    context: Json = {
        "protocol": _ref("Protocol", q.protocol),
        "account": q.account,
        "channels": [_ref("Channel", c) for c in sorted(q.channels)],
        "factors": [_ref("Factor", f) for f in sorted(q.factors)],
        "phishing_resistant": bool(q.factors & PHISHING_RESISTANT),
        "owner": q.person.id in q.target.owners,
        "emergency": q.emergency,
        "services": sorted(q.services),
        "exceptions": sorted(exceptions(q, at)),
        "at": _extension(
            "datetime", at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
        ),
    }
    if q.source:
        context["source"] = _extension("ip", _address(q.source))
    return {
        "principal": _uid("Person", q.person.name),
        "action": _uid("Action", q.action),
        "resource": _uid("Target", q.target.name),
        "context": context,
    }


def entities(q: Question) -> list[Json]:
    """The person, his organisation, the target and its zone, with what they belong to; nothing else of the site."""
    organisation, zone = q.person.organisation, q.target.zone
    return [
        _entity("Organisation", organisation.name, {"plant": organisation.plant}),
        _entity(
            "Person",
            q.person.name,
            {"organisation": _ref("Organisation", organisation.name)},
            [_uid("Organisation", organisation.name), *(_uid("Role", r) for r in sorted(q.person.roles))],
        ),
        _entity("Zone", zone.name, {"level": zone.level}),
        _entity(
            "Target",
            q.target.name,
            {},
            [_uid("Tier", q.target.tier), _uid("Class", q.target.target_class), _uid("Zone", zone.name)],
        ),
    ]


def exceptions(q: Question, at: datetime) -> set[str]:
    """Kinds of the exceptions that hold at `at` for what this is about (C34)."""
    about = {q.protocol.value, *q.services}  # a service of SSH or RDP is named as its protocol
    return {e.kind for e in q.target.held(about, at)}


def _address(source: str) -> str:
    """Cedar's `ip` knows neither scope ids nor addresses of IPv4 dressed as IPv6."""
    address = ipaddress.ip_address(source.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def _uid(kind: str, name: str) -> Json:
    return {"type": kind, "id": str(name)}


def _ref(kind: str, name: str) -> Json:
    return {"__entity": _uid(kind, name)}


def _extension(function: str, argument: str) -> Json:
    return {"__extn": {"fn": function, "arg": argument}}


def _entity(kind: str, name: str, attributes: Mapping[str, Any], parents: Iterable[Json] = ()) -> Json:
    return {"uid": _uid(kind, name), "attrs": dict(attributes), "parents": list(parents)}
