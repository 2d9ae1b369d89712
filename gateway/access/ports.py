"""What access needs of identity, inventory and policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol as Port

from gateway.identity.model import Organisation, Person
from gateway.ids import PersonId
from gateway.inventory.model import Protocol, Target
from gateway.policy.model import Decision, Question


class People(Port):
    async def person(self, person: PersonId, /) -> Person:
        """As he is now.

        Raises:
            NotFound: no such person.
        """
        ...

    async def person_named(self, name: str, /) -> Person:
        """Raises NotFound: no such person."""
        ...

    async def organisations(self) -> Sequence[Organisation]: ...


class Places(Port):
    async def target_named(self, name: str, /) -> Target:
        """Raises NotFound: no such target."""
        ...

    async def conduit_permits(self, source: str, destination: str, protocol: Protocol, /) -> bool:
        """Whether a conduit leads from zone `source` to zone `destination` for `protocol`."""
        ...


class Rulebook(Port):
    def decide(self, q: Question, at: datetime) -> Decision: ...
