"""What the API stands on: the services of the gateway, and which door an application is."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as Port

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.fronts.api.asks import Asks
from gateway.store.db import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gateway.access.service import Access
    from gateway.fronts.ports import WebChannel
    from gateway.identity.model import Person
    from gateway.identity.service import Identity
    from gateway.inventory.service import Inventory
    from gateway.policy.book import PolicyBook
    from gateway.recording.service import Recordings
    from gateway.sessions.service import Sessions


class Door(StrEnum):
    """Which listener an application answers on. The admin routes exist on the admin door and nowhere else (C2)."""

    PEOPLE = "people"
    ADMIN = "admin"


class Desktops(Port):
    """The RDP front, as the API sees it."""

    @property
    def port(self) -> int: ...

    def web(self, channel: WebChannel, person: Person, source: str, /) -> Coroutine[None, None, None]:
        """Serve one page until its desktop ends."""
        ...


class DesktopDoor:
    """Leads pages to the RDP front: it opens after the API's applications are made, if there is one at all."""

    def __init__(self) -> None:
        self.front: Desktops | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What the API says about the site, and which names it answers to.

    Attributes:
        name: shown in the page; origin of the audit log's checkpoints.
        hosts: host names and addresses, without port, that a request's Host may name; anything else is refused.
        signing: signs checkpoints of the audit log.
        pages: folder of the built page, for both doors; None for none.
        ssh_port: where the SSH front listens, for the command that the page offers to copy.
        host_ca: line for people's known hosts, by which `ssh -J` believes the gateway; empty when there is none.
        rdp_host: address of the RDP front; empty when it is the host that serves the page.
        zone_of_people: the zone that persons come from; a target without a conduit from it is not offered.
    """

    name: str
    hosts: frozenset[str]
    signing: Ed25519PrivateKey
    ssh_port: int
    pages: Path | None = None
    zone_of_people: str = "remote"
    rdp_host: str = ""
    host_ca: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """Every service that a route may call."""

    store: Store
    audit: AuditLog
    clock: Clock
    identity: Identity
    inventory: Inventory
    policy: PolicyBook
    access: Access
    sessions: Sessions
    recordings: Recordings
    site: Site
    asks: Asks = field(default_factory=Asks)
    desktops: DesktopDoor = field(default_factory=DesktopDoor)
