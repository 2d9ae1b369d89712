"""What a person sees who has named no target: what he may reach, wait for, or ask for."""

from __future__ import annotations

from dataclasses import replace

from gateway.access.model import AccessRequest, Grant, GrantState
from gateway.access.rules import protocols
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.identity.model import Person
from gateway.inventory.model import Protocol, Service, Target
from gateway.policy.model import LEAST_CHANNELS, Action, Allow, Question
from gateway.sessions import rules, texts
from gateway.sessions.model import MenuLine, MenuState
from gateway.sessions.ports import Permissions, Places, Rulebook
from gateway.sessions.registry import Registry
from gateway.store.db import Store


class Menu:
    """INVARIANT: a target is named only to a person who may ask for it, has asked for it, or has a grant."""

    def __init__(
        self, store: Store, clock: Clock, policy: Rulebook, access: Permissions, inventory: Places, registry: Registry
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._access, self._inventory, self._registry = access, inventory, registry

    async def lines(self, person: Person) -> list[MenuLine]:
        """By name of the target."""
        if person.standing(self._clock.now()):
            return []
        targets = sorted(await self._inventory.targets(), key=lambda t: t.name)
        lines = [await self._line(person, target, service) for target in targets for service in _doors(target)]
        return [line for line in lines if line is not None]

    async def place(self, person: Person, name: str) -> Target | None:
        """The target called `name`, when it is in his menu by SSH or for forwards alone."""
        if person.standing(self._clock.now()):
            return None
        try:
            target = await self._inventory.target_named(name)
        except NotFound:
            return None
        door = target.service(rules.spoken(target, Protocol.SSH))
        return target if door is not None and await self._line(person, target, door) is not None else None

    async def _line(self, person: Person, target: Target, service: Service) -> MenuLine | None:
        now = self._clock.instant()
        async with self._store.read() as tx:
            grant = await self._access.grant_for(tx, person.id, target.id, service.protocol, now.wall)
            release = await self._access.armed(tx, grant.id, now) if grant is not None else None
            request = await self._access.request_open(tx, person.id, target.id, service.protocol)
        if grant is not None:
            inside = any(live.running and live.session.person == person.id for live in self._registry.under(grant.id))
            return self._granted(target, service, grant, open_now=inside or release is not None)
        return await self._without(person, target, service, request)

    def _granted(self, target: Target, service: Service, grant: Grant, *, open_now: bool) -> MenuLine:
        until = grant.deadline.wall if grant.deadline else grant.wanted.not_after
        if (open_now or not grant.obligations.release) and not grant.obligations.observer:
            return _menu_line(target, service, MenuState.READY, texts.menu(MenuState.READY, until))
        return _menu_line(target, service, MenuState.HOLDS, texts.menu(MenuState.HOLDS, asked=(rules.CONTROL_ROOM,)))

    async def _without(
        self, person: Person, target: Target, service: Service, request: AccessRequest | None
    ) -> MenuLine | None:
        now = self._clock.now()
        grants = await self._access.grants(person=person.id, states=frozenset({GrantState.SCHEDULED}))
        later = [
            g.wanted.not_before
            for g in grants
            if g.wanted.target == target.id and g.wanted.protocol is service.protocol and g.wanted.not_before > now
        ]
        if later:
            return _menu_line(target, service, MenuState.LATER, texts.menu(MenuState.LATER, min(later)))
        if request is not None:
            return _menu_line(target, service, MenuState.WAITING, texts.menu(MenuState.WAITING))
        if any(
            isinstance(self._policy.decide(q, now, explained=False), Allow) for q in _least(person, target, service)
        ):
            return _menu_line(target, service, MenuState.MAY_ASK, texts.menu(MenuState.MAY_ASK))
        return None


def _doors(target: Target) -> list[Service]:
    """One service for each way to visit the target."""
    return [service for p in protocols(target) if (service := target.service(p)) is not None]


def _least(person: Person, target: Target, service: Service) -> list[Question]:
    """The least that one would ask for: of forwards each of the services by itself."""
    protocol, account = service.protocol, target.account(service.protocol)
    question = Question(
        Action.REQUEST, person, target, protocol, account.name if account else "", LEAST_CHANNELS[protocol]
    )
    if protocol is Protocol.TCP:
        return [replace(question, services=frozenset({s.name})) for s in target.services if s.protocol is protocol]
    return [question] if account is not None else []


def _menu_line(target: Target, service: Service, state: MenuState, words: str) -> MenuLine:
    return MenuLine(target.name, target.title, service.protocol, state, words)
