"""What the policies of a set can tell apart: the names and facts that they mention. Pure.

Cedar compares entities and reads attributes, and has no way from an entity to its name as text. A person, target, zone
or organisation whose name stands in no policy can therefore be exchanged for any other of the same facts, and a fact of
the circumstances that no policy reads changes nothing. `tests/policy/test_alike.py` holds this against random policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.policy.facts import Json

# Entities that a site names as it likes. Roles, tiers, channels… are told apart always.
NAMED: Final = frozenset({"Person", "Target", "Zone", "Organisation"})
LOOKING: Final = frozenset({"contains", "containsAny", "containsAll"})


@dataclass(frozen=True, slots=True)
class Mentions:
    """
    Attributes:
        names: type and id of the entities that stand in a policy.
        facts: attributes of the circumstances that a policy reads; None for any of them.
        members: of a set among the circumstances, what policies look for in it, where they do nothing else with it.
        action: whether a policy looks at what is done.
        exceptions: kinds of exceptions that a policy asks for.
        networks: an address of each network that stands in a policy.
    """

    names: frozenset[tuple[str, str]]
    facts: frozenset[str] | None
    action: bool
    members: Mapping[str, frozenset[str]]
    exceptions: frozenset[str]
    networks: frozenset[str]

    @classmethod
    def of(cls, bodies: Iterable[Mapping[str, Any]]) -> Mentions:
        """Of policies in Cedar's JSON form."""
        said = [{k: v for k, v in body.items() if k != "annotations"} for body in bodies]
        found = [mention for body in said for mention in _walk(body)]
        names = frozenset(m for m in found if isinstance(m, tuple))
        read = frozenset(m for m in found if isinstance(m, str))
        action = "action" in read or any(kind == "Action" for kind, _ in names)
        whole = "context" in read
        facts = None if whole else frozenset(m[1:] for m in read if m[0] in ".=")
        as_whole = {m[1:] for m in read if m.startswith("=")}
        members = {name: _asked(said, name) for name in facts or () if name not in as_whole}
        networks = [address for body in said for address in _networks(body)]
        kinds = _texts_of(said, "exceptions")
        return cls(names, facts, action, members, kinds, frozenset(networks))

    def reads(self, fact: str) -> bool:
        """Whether a policy looks at this attribute of the circumstances."""
        return self.facts is None or fact in self.facts

    def circumstances(self, request: Json) -> str:
        """The same for two requests of one person to one target that no policy tells apart."""
        context = request["context"]
        read = context if self.facts is None else {k: self._told(k, context[k]) for k in self.facts if k in context}
        action = request["action"] if self.action else None
        return json.dumps([action, read], sort_keys=True)

    def alike(self, request: Json, entities: list[Json]) -> str:
        """The same for two questions that no policy tells apart, whoever asks them about whatever."""
        who = [self._blank(request["principal"]), self._blank(request["resource"])]
        return json.dumps([who, self._blank(entities), self.circumstances(request)], sort_keys=True)

    def _told(self, name: str, value: Any) -> Any:
        """What of a fact makes a difference: of a set that policies only look into, what they look for."""
        if name not in self.members:
            return value
        return [v for v in value if _key(v) in self.members[name]]

    def _blank(self, value: Any) -> Any:
        """Without the names that no policy mentions; null is no name."""
        if isinstance(value, list):
            return [self._blank(v) for v in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"type", "id"} and value["type"] in NAMED:
            known = (value["type"], value["id"]) in self.names
            return value if known else {"type": value["type"], "id": None}
        return {key: self._blank(v) for key, v in value.items()}


def could_concern(body: Mapping[str, Any], entities: Iterable[Json]) -> bool:
    """Whether the head of a policy leaves it open that it speaks about the target among `entities`.

    Cedar looks at the head first: what it rules out is not evaluated, so its conditions tell nobody apart.
    """
    head = body["resource"]
    within = head.get("in", head) if head.get("op") == "is" else head
    named = within.get("entity")
    return named is None or (named["type"], named["id"]) in _above(entities)


def _above(entities: Iterable[Json]) -> set[tuple[str, str]]:
    """The target and everything that it is in."""
    parents = {_pair(e["uid"]): [_pair(p) for p in e["parents"]] for e in entities}
    found: set[tuple[str, str]] = set()
    waiting = [uid for uid in parents if uid[0] == "Target"]
    while waiting:
        uid = waiting.pop()
        found.add(uid)
        waiting += [p for p in parents.get(uid, ()) if p not in found]
    return found


def _pair(uid: Json) -> tuple[str, str]:
    return uid["type"], uid["id"]


def _walk(value: Any) -> Iterator[tuple[str, str] | str]:
    """Entities as pairs; attributes of the context as `.name`; `context` and `action` where they stand as a whole."""
    if isinstance(value, list):
        for inside in value:
            yield from _walk(inside)
        return
    if not isinstance(value, dict):
        return
    if value.keys() == {"type", "id"} and isinstance(value["type"], str) and isinstance(value["id"], str):
        yield value["type"], value["id"]
        return
    if value.keys() == {"Var"} and value["Var"] in {"context", "action"}:
        yield value["Var"]
        return
    for key, inside in value.items():
        if key in LOOKING and (attribute := _looked_into(inside)):
            yield f".{attribute}"
            yield from _walk(inside["right"])
        elif key in {".", "has"} and (attribute := _of_context(inside)):
            yield f"={attribute}"
        else:
            yield from _walk(inside)


def _of_context(access: Any) -> str:
    """Which attribute of the context is read; empty for something else."""
    plain = isinstance(access, dict) and access.get("left") == {"Var": "context"} and isinstance(access["attr"], str)
    return str(access["attr"]) if plain else ""


def _looked_into(looking: Any) -> str:
    """The attribute of `context.ATTRIBUTE.contains(...)` with nothing but constants inside; empty for anything else."""
    if not isinstance(looking, dict) or not isinstance(left := looking.get("left"), dict) or left.keys() != {"."}:
        return ""
    return _of_context(left["."]) if _constants(looking.get("right")) is not None else ""


def _constants(value: Any) -> list[Any] | None:
    """The values of a constant, or of a set of them; None for an expression."""
    if not isinstance(value, dict):
        return None
    if value.keys() == {"Value"}:
        return [value["Value"]]
    if value.keys() == {"Set"} and all(isinstance(v, dict) and v.keys() == {"Value"} for v in value["Set"]):
        return [v["Value"] for v in value["Set"]]
    return None


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _looked_for(value: Any, attribute: str) -> Iterator[Any]:
    """What policies look for in `context.ATTRIBUTE`."""
    if isinstance(value, list):
        for inside in value:
            yield from _looked_for(inside, attribute)
    if not isinstance(value, dict):
        return
    for key, inside in value.items():
        if key in LOOKING and _looked_into(inside) == attribute:
            yield from _constants(inside["right"]) or ()
        else:
            yield from _looked_for(inside, attribute)


def _asked(bodies: list[dict[str, Any]], attribute: str) -> frozenset[str]:
    return frozenset(_key(found) for body in bodies for found in _looked_for(body, attribute))


def _texts_of(bodies: list[dict[str, Any]], attribute: str) -> frozenset[str]:
    return frozenset(found for body in bodies for found in _looked_for(body, attribute) if isinstance(found, str))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from _texts(inside)


def _networks(value: Any) -> Iterator[str]:
    """The first address of each `ip("...")`."""
    if isinstance(value, list):
        for inside in value:
            yield from _networks(inside)
    if not isinstance(value, dict):
        return
    for key, inside in value.items():
        if key == "ip":
            yield from (text.partition("/")[0] for text in _texts(inside))
        else:
            yield from _networks(inside)
