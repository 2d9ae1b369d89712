"""A small site behind the API: its people sign in as anybody does, with password and code."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import asyncssh
import httpx
import pyrage
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from pyotp.totp import TOTP

from gateway.access.service import Access
from gateway.audit import sql as audit_sql
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.fronts.api.app import create_app
from gateway.fronts.api.services import Door, Services
from gateway.fronts.api.services import Site as About
from gateway.fronts.ports import WebChannel
from gateway.identity.model import Person, Role
from gateway.identity.passwords import Passwords
from gateway.identity.service import Identity
from gateway.inventory.exceptions import Proposal
from gateway.inventory.model import CredentialKind, Protocol, TargetClass, Tier
from gateway.inventory.service import Inventory
from gateway.policy.book import PolicyBook
from gateway.recording.service import Recordings
from gateway.sessions.model import Arrival, EndReason
from gateway.sessions.service import Sessions
from gateway.sessions.south import South
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock

QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
POLICIES = Path(__file__).parent.parent.parent / "policies"
HOST = "gate.example"
HERE = "192.0.2.7"
ELSEWHERE = "198.51.100.9"
PEOPLE = {
    "sam": Role.ADMIN,
    "vera": Role.VENDOR,
    "vito": Role.VENDOR,
    "omar": Role.OWNER,
    "olga": Role.OWNER,
    "lena": Role.OPERATOR,
    "ada": Role.AUDITOR,
}


@dataclass(frozen=True)
class Keys:
    signing: Ed25519PrivateKey
    replay: pyrage.x25519.Identity | None


def password(name: str) -> str:
    return f"{name} opens the sluice"


class RdpTwin:
    """In place of the RDP front: it says back what a page says, with the person's name before it."""

    port = 3389

    async def web(self, channel: WebChannel, person: Person, source: str) -> None:
        while data := await channel.receive():
            await channel.send(f"{person.name} at {source}: ".encode() + data)
            if data == b"bye":
                await channel.close("You said goodbye.")


class Browser(httpx.AsyncClient):
    """One person's browser, or nobody's yet."""

    csrf = ""

    async def change(self, path: str, json: object = None, method: str = "POST", etag="", **more) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf} | ({"If-Match": etag} if etag else {}) | more.pop("headers", {})
        body = {} if method == "DELETE" else {"json": {} if json is None else json}
        return await self.request(method, path, headers=headers, **body, **more)


class Apps(dict[Door, FastAPI]):
    """The application of each door, made when it is first asked for."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services

    def __missing__(self, door: Door) -> FastAPI:
        self[door] = create_app(self.services, Door(door))
        return self[door]


@dataclass
class Site:
    """Two targets with an owner each, and people of every role."""

    services: Services
    clock: SimulatedClock
    apps: Apps
    folder: Path
    seeds: dict[str, str] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)

    def code(self, name: str) -> str:
        """A code that was not used yet: the clock goes on to the next step."""
        self.clock.advance(seconds=30)
        return self.last_code(name)

    def last_code(self, name: str) -> str:
        return TOTP(self.seeds[name]).at(int(self.clock.now().timestamp()))

    def browser(self, door: Door = Door.PEOPLE, source: str = HERE) -> Browser:
        transport = httpx.ASGITransport(self.apps[door], raise_app_exceptions=False, client=(source, 40000))
        return Browser(transport=transport, base_url=f"https://{HOST}/api/v1")

    async def signed_in(self, name: str, door: Door = Door.PEOPLE, source: str = HERE) -> Browser:
        browser = self.browser(door, source)
        asked = {"name": name, "password": password(name), "code": self.code(name)}
        answer = await browser.post("/sign-in", json=asked)
        assert answer.status_code == 200, answer.text
        browser.csrf = answer.json()["csrf"]
        return browser

    async def asked(self, vera: Browser, target: str = "ews-l4", **more: object) -> dict:
        """A request of `vera`, made."""
        answer = await vera.change("/requests", self.wanted(target, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def wanted(self, target: str = "ews-l4", **more: object) -> dict:
        now = self.clock.now()
        return {
            "target": target,
            "protocol": "ssh",
            "not_before": now.isoformat(),
            "not_after": (now + timedelta(hours=8)).isoformat(),
            "duration_minutes": 60,
            "purpose": "exchange the parameter set",
            "work_order": "WO-8812",
        } | more

    async def granted(self, vera: Browser, omar: Browser, target: str = "ews-l4", **more: object) -> dict:
        """A grant of `vera`, approved by `omar`."""
        request = await self.asked(vera, target, **more)
        approval = {"code": self.code("omar" if target == "ews-l4" else "olga"), "digest": request["digest"]}
        answer = await omar.change(f"/requests/{request['id']}/approve", approval)
        assert answer.status_code == 200, answer.text
        grants = (await vera.get("/grants")).json()
        return next(g for g in grants if g["request"] == request["id"])

    @asynccontextmanager
    async def visit(self, name: str = "vera", target: str = "ews-l4", protocol: Protocol = Protocol.SSH):
        """A session of `name` that runs: the grant is there and released."""
        vera = await self.signed_in(name)
        owner = "omar" if target == "ews-l4" else "olga"
        channels = ["desktop", "desktop.input"] if protocol is Protocol.RDP else ["shell"]
        omar = await self.signed_in(owner)
        grant = await self.granted(vera, omar, target, protocol=protocol, channels=channels)
        lena = await self.signed_in("lena")
        answer = await lena.change(f"/grants/{grant['id']}/release", {"code": self.code("lena")})
        assert answer.status_code == 201, answer.text
        person = self.persons[name]
        proofs = await self.services.identity.recent(person.id, HERE)
        arrival = Arrival(person, target, "", protocol, HERE, "SSH-2.0-test", proofs)
        visit = await self.services.sessions.arrive(arrival)
        assert await visit.settled(timedelta(seconds=5))
        connection = await visit.enter()
        try:
            yield connection
        finally:
            await connection.close(EndReason.CLIENT)

    async def proposed_exception(self, target: str = "ews-l4", **asked: str) -> str:
        """The id of an exception that sam proposes for a month."""
        words = {"kind": "legacy-crypto", "reason": "Windows 2000", "compensation": "A cable of its own"} | asked
        proposal = Proposal(expires=self.clock.now() + timedelta(days=30), **words)
        made = await self.services.inventory.propose_exception("sam", self.persons["sam"].id, target, proposal)
        return made.id

    async def events(self, *names: str) -> list[dict]:
        async with self.services.store.read() as tx:
            entries = await audit_sql.read(tx, limit=100_000, names=frozenset(names))
        return [entry.values() for entry in entries]


@dataclass(frozen=True)
class Template:
    """The database of a site that was made once, and the devices of its people."""

    database: Path
    made: datetime
    seeds: dict[str, str]
    persons: dict[str, Person]
    targets: dict[str, str]


async def template(folder: Path) -> Template:
    """Make the site through the ordinary calls; every test gets a copy."""
    database, clock = folder / "site.db", SimulatedClock()
    store = Store(f"sqlite+aiosqlite:///{database}")
    async with store.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    site = joined(store, AuditLog(clock, Hub()), clock, Envelope(bytes(32)), folder)
    await site.services.policy.open(POLICIES)
    await _people(site)
    await _plant(site)
    await store.close()
    return Template(database, clock.now(), site.seeds, site.persons, site.targets)


def joined(store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope, folder: Path) -> Site:
    key = asyncssh.generate_private_key("ssh-ed25519")
    identity = Identity(store, audit, clock, envelope, "Plant North", passwords=QUICK)
    inventory = Inventory(store, audit, clock, envelope, key)
    policy = PolicyBook(store, audit, clock, identity)
    access = Access(store, audit, clock, policy, identity, inventory, "remote")
    identity.tickets.grants = access
    about = About("Plant North", frozenset({HOST}), Ed25519PrivateKey.generate(), 2222, None, "remote")
    recordings = Recordings(
        store,
        audit,
        clock,
        keys=Keys(about.signing, pyrage.x25519.Identity.generate()),
        recipients=[],
        folder=folder / "recordings",
        site="plant",
    )
    sessions = Sessions(
        store=store, audit=audit, clock=clock, policy=policy, access=access, identity=identity, inventory=inventory,
        recordings=recordings, south=South("127.0.0.3"), node="node-1",
    )  # fmt: skip
    services = Services(
        store=store,
        audit=audit,
        clock=clock,
        identity=identity,
        inventory=inventory,
        policy=policy,
        access=access,
        sessions=sessions,
        recordings=recordings,
        site=about,
    )
    return Site(services, clock, Apps(services), folder)


async def _people(site: Site) -> None:
    identity = site.services.identity
    for name, role in PEOPLE.items():
        if role is Role.ADMIN:
            token = await identity.setup_token()
            made = await identity.setup(token, name, name.title(), password(name))
        else:
            organisation = "kranz" if role is Role.VENDOR else "plant"
            if organisation not in {o.name for o in await identity.organisations()}:
                await identity.add_organisation(site.persons["sam"], organisation, "Kranz Drives")
            _, token = await identity.add_person(site.persons["sam"], name, name.title(), organisation, [role])
            made = await identity.enrol(token, password(name))
        site.seeds[name] = made.secret
        site.persons[name] = await identity.confirm_enrolment(token, site.last_code(name))


async def _plant(site: Site) -> None:
    inventory = site.services.inventory
    await inventory.add_zone("sam", "remote", "People outside", "4")
    await inventory.add_zone("sam", "cell-4", "Cell of line 4", "2")
    await inventory.add_conduit("sam", "remote", "cell-4", [Protocol.SSH, Protocol.RDP])
    for number, (name, owner) in enumerate((("ews-l4", "omar"), ("ews-l5", "olga"))):
        made = await inventory.add_target(
            "sam", name, f"Workstation {name}", "cell-4", Tier.T1, TargetClass.WORKSTATION, [site.persons[owner].id]
        )
        await inventory.add_service("sam", name, Protocol.SSH, f"127.0.0.{10 + number}", 22)
        await inventory.add_account("sam", name, "engineer", CredentialKind.PASSWORD, b"never shown")
        site.targets[name] = made.id
    await inventory.add_service("sam", "ews-l4", Protocol.RDP, "127.0.0.10", 3389)
