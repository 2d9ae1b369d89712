"""Who may use which route of which door, and a site with one of everything on which each of them is tried.

A new route must be entered here, with who may use it; everything else is tried from the schema (`cells.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh
import httpx

from gateway.fronts.api.services import Door
from gateway.identity.model import Role, Scope
from gateway.inventory.model import Protocol
from tests.api import cells, ledger, policies
from tests.api.cells import operations
from tests.api.site import PEOPLE, Browser, RdpTwin, Site

EVERYBODY = frozenset(PEOPLE)
CONCERNED = frozenset({"vera", "omar", "lena", "ada"})  # vera's doings on omar's target
CONTROL = frozenset({"omar", "lena"})
AUDITOR = frozenset({"ada"})
ADMIN = frozenset({"sam"})
READERS = frozenset({"sam", "omar", "olga", "ada"})  # of the policy
REASON = {"reason": "the line is in production"}

LISTED: dict[Door, dict[str, frozenset[str]]] = {
    Door.PEOPLE: {
        "GET /me": EVERYBODY,
        "GET /tokens": EVERYBODY,
        "POST /tokens": EVERYBODY,
        "DELETE /tokens/{token_id}": frozenset({"vera"}),
        "GET /targets": EVERYBODY,
        "GET /host-ca": EVERYBODY,
        "GET /host-keys": EVERYBODY,
        "GET /targets/{name}/host-key": frozenset({"omar"}),
        "POST /targets/{name}/host-key/accept": frozenset({"omar"}),
        "GET /exceptions": EVERYBODY,
        "GET /exceptions/{exception_id}": frozenset({"omar", "lena", "ada", "sam"}),
        "POST /exceptions/{exception_id}/accept": frozenset({"omar"}),
        "POST /exceptions/{exception_id}/end": frozenset({"omar", "sam"}),
        "GET /requests": EVERYBODY,
        "POST /requests": EVERYBODY - AUDITOR - ADMIN,  # as the policy of tier T1 says
        "GET /requests/{request_id}": CONCERNED,
        "POST /requests/{request_id}/approve": frozenset({"omar"}),
        "POST /requests/{request_id}/deny": frozenset({"omar"}),
        "POST /requests/{request_id}/cancel": frozenset({"vera"}),
        "GET /grants": EVERYBODY,
        "POST /grants/{grant_id}/tickets": frozenset({"vera"}),
        "POST /grants/{grant_id}/release": frozenset({"lena"}),
        "POST /grants/{grant_id}/revoke": CONTROL,
        "POST /releases/{release_id}/withdraw": frozenset({"lena"}),
        "GET /sessions": EVERYBODY,
        "GET /sessions/{session_id}": CONCERNED,
        "POST /sessions/{session_id}/pause": CONTROL,
        "POST /sessions/{session_id}/resume": CONTROL,
        "POST /sessions/{session_id}/message": CONTROL,
        "POST /sessions/{session_id}/ask-extension": frozenset({"vera"}),
        "POST /sessions/{session_id}/extend": CONTROL,
        "POST /sessions/{session_id}/kill": CONTROL,
        "GET /files": EVERYBODY,
        "GET /files/{file_id}": CONCERNED,
        "POST /files/{file_id}/deliver": CONTROL,
        "POST /files/{file_id}/withhold": CONTROL,
        "GET /recordings": AUDITOR,
        "GET /recordings/search": AUDITOR,
        "GET /recordings/{session_id}": AUDITOR,
        "GET /recordings/{session_id}/timeline": AUDITOR,
        "GET /recordings/{session_id}/records": AUDITOR,
        "GET /recordings/{session_id}/lines": AUDITOR,
        "GET /recordings/{session_id}/typed": AUDITOR,
        "GET /recordings/{session_id}/verification": AUDITOR,
        "GET /recordings/{session_id}/download": AUDITOR,
        "GET /recordings/{session_id}/asciicast": AUDITOR,
        "GET /recordings/{session_id}/text": AUDITOR,
        "GET /audit": AUDITOR,
        "GET /audit/extract": AUDITOR,
        "GET /audit/checkpoints": AUDITOR,
        "GET /audit/checkpoint": AUDITOR,
        "GET /policies": READERS,
        "GET /policies/{version_id}": READERS,
        "GET /policies/{version_id}/diff": READERS,
        "POST /policies/{version_id}/sign": frozenset({"omar", "olga"}),  # sam proposed it
        "POST /sign-out": EVERYBODY,
    },
    Door.ADMIN: {
        "GET /me": EVERYBODY,
        "GET /tokens": EVERYBODY,
        "POST /tokens": EVERYBODY,
        "DELETE /tokens/{token_id}": frozenset({"vera"}),
        "GET /audit": AUDITOR,
        "GET /audit/extract": AUDITOR,
        "GET /audit/checkpoints": AUDITOR,
        "GET /audit/checkpoint": AUDITOR,
        "GET /organisations": ADMIN,
        "GET /organisations/{name}": ADMIN,
        "POST /organisations": ADMIN,
        "PATCH /organisations/{name}": ADMIN,
        "GET /people": ADMIN,
        "POST /people": ADMIN,
        "GET /people/{name}": ADMIN,
        "GET /people/{name}/keys": ADMIN,
        "POST /people/{name}/keys": ADMIN,
        "POST /people/{name}/keys/remove": ADMIN,
        "GET /people/{name}/tokens": ADMIN,
        "DELETE /people/{name}/tokens/{token_id}": ADMIN,
        "PATCH /people/{name}": ADMIN,
        "POST /people/{name}/invite": ADMIN,
        "POST /people/{name}/disable": ADMIN,
        "GET /zones": ADMIN,
        "GET /zones/{name}": ADMIN,
        "POST /zones": ADMIN,
        "PATCH /zones/{name}": ADMIN,
        "GET /conduits": ADMIN,
        "GET /conduits/{from_zone}/{to_zone}": ADMIN,
        "POST /conduits": ADMIN,
        "PATCH /conduits/{from_zone}/{to_zone}": ADMIN,
        "GET /targets": ADMIN,
        "GET /targets/{name}": ADMIN,
        "POST /targets": ADMIN,
        "POST /targets/{name}/services": ADMIN,
        "POST /targets/{name}/accounts": ADMIN,
        "PATCH /targets/{name}": ADMIN,
        "PATCH /targets/{name}/services/{service_id}": ADMIN,
        "DELETE /targets/{name}/services/{service_id}": ADMIN,
        "PATCH /targets/{name}/accounts/{account}": ADMIN,
        "DELETE /targets/{name}/accounts/{account}": ADMIN,
        "POST /exceptions": ADMIN,
        "GET /exceptions": EVERYBODY,
        "GET /exceptions/{exception_id}": frozenset({"olga", "lena", "ada", "sam"}),
        "POST /exceptions/{exception_id}/end": frozenset({"olga", "sam"}),
        "GET /policies/who-can": ADMIN | AUDITOR,
        "POST /policies": ADMIN,
        "POST /policies/validate": ADMIN,
        "POST /policies/diff": ADMIN,
        "POST /policies/explain": ADMIN | AUDITOR,
        "POST /policies/{version_id}/test": ADMIN | AUDITOR,
        "GET /policies": READERS,
        "GET /policies/{version_id}": READERS,
        "GET /policies/{version_id}/diff": READERS,
        "POST /policies/{version_id}/sign": frozenset({"omar", "olga"}),  # sam proposed it
        "POST /policies/{version_id}/activate": ADMIN,
        "POST /sign-out": EVERYBODY,
    },
}
FINGERPRINT = "SHA256:" + "a" * 43
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ vera"
ADMIN_BODIES = {
    "POST /organisations": {"name": "other", "title": "Other"},
    "POST /people": {"name": "newcomer", "title": "New", "organisation": "kranz", "roles": ["vendor"]},
    "PATCH /organisations/{name}": {"title": "Kranz Antriebe"},
    "POST /people/{name}/keys": {"public": KEY, "title": "laptop"},
    "POST /people/{name}/keys/remove": {"fingerprint": asyncssh.import_public_key(KEY).get_fingerprint()},
    "PATCH /people/{name}": {"title": "Newer"},
    "POST /people/{name}/invite": {},
    "POST /people/{name}/disable": REASON,
    "POST /zones": {"name": "cell-9", "title": "Cell 9", "level": "2"},
    "PATCH /zones/{name}": {"title": "Cell four"},
    "PATCH /conduits/{from_zone}/{to_zone}": {"protocols": ["ssh", "rdp"]},
    "POST /conduits": {"source": "cell-9", "destination": "cell-4", "protocols": ["ssh"]},
    "POST /targets": {
        "name": "ews-l9", "title": "Workstation", "zone": "cell-4", "tier": "T1", "target_class": "workstation",
        "owners": ["omar"],
    },
    "POST /targets/{name}/services": {"protocol": "rdp", "address": "127.0.0.10", "port": 3389},
    "POST /targets/{name}/accounts": {"name": "operator", "kind": "password", "secret": "x"},
    "PATCH /targets/{name}": {"title": "Workstation of line 5"},
    "PATCH /targets/{name}/services/{service_id}": {"port": 2222},
    "PATCH /targets/{name}/accounts/{account}": {"kind": "password", "secret": "y"},
    "POST /exceptions": {
        "target": "ews-l5", "kind": "long-session", "reason": "Shift work", "compensation": "Somebody watches",
        "expires": "2026-12-01T00:00:00Z",
    },
    "POST /policies": {"files": policies.proposal("matrix"), "note": "another"},
    "POST /policies/validate": {"files": policies.proposal("matrix")},
    "POST /policies/diff": {"files": policies.proposal("matrix")},
    "POST /policies/explain": {"person": "vera", "target": "ews-l5"},
    "POST /policies/{version_id}/test": {},
    "POST /policies/{version_id}/activate": {},
    "POST /sign-out": {},
}  # fmt: skip
QUERIES = {"GET /policies/who-can": {"target": "ews-l5"}, "GET /recordings/search": {"q": "firmware"}}
# What a name in a path stands for, by what the path begins with.
NAMES = {"/organisations": "kranz", "/zones": "cell-4", "/targets": "ews-l5", "/people": "newcomer"}


@dataclass
class Table:
    """One site with one of everything of vera's, and everybody signed in."""

    site: Site
    door: Door
    browsers: dict[str, Browser] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    policy: str = ""

    async def sign_in(self) -> None:
        for name in PEOPLE:
            self.browsers[name] = await self.site.signed_in(name, self.door)

    async def etag(self, path: str) -> str:
        """Of what a change of `path` changes, as it is now."""
        services = self.site.services
        match path.split("/")[1]:
            case "people":
                return f'"{(await services.identity.person_named("newcomer")).version}"'
            case "organisations":
                return next(f'"{o.version}"' for o in await services.identity.organisations() if o.name == "kranz")
            case "zones":
                return next(f'"{z.version}"' for z in await services.inventory.zones() if z.name == "cell-4")
            case "conduits":
                return next(
                    f'"{"+".join(sorted(c.protocols))}"'
                    for c in await services.inventory.conduits()
                    if c.source == "cell-4"
                )
            case _:
                return f'"{(await services.inventory.target_named("ews-l5")).version}"'

    def admin_body(self, operation: str, name: str) -> dict:
        """A body that would do it, on the admin door."""
        body = dict(ADMIN_BODIES[operation])
        if cells.takes_code(self.door, operations(self.door)[operation]):
            body["code"] = self.site.code(name) if name in ADMIN else "123456"
        return body

    def body(self, operation: str, name: str) -> dict:
        """A body that would do it, on the people's door."""
        site, verb = self.site, operation.rpartition("/")[2]
        coded = verb in {
            "approve",
            "release",
            "extend",
            "deliver",
            "accept",
            "tickets",
            "tokens",
            "sign",
        }  # each code takes 30 s of the session's time
        code = site.code(name) if coded and name in PEOPLE else "123456"
        if operation == "POST /exceptions/{exception_id}/accept":
            return {"code": code}
        return {
            "requests": site.wanted(),
            "approve": {"code": code, "digest": self.digest},
            "sign": {"code": code, "digest": self.policy},
            "release": {"code": code},
            "deliver": {"code": code},
            "extend": {"minutes": 10, "code": code, "reason": "the download takes longer"},
            "accept": {"fingerprint": FINGERPRINT, "reason": "new system disk", "code": code},
            "ask-extension": {"minutes": 10, "reason": "the download takes longer"},
            "message": {"words": "Please finish."},
            "tickets": {"for": "client", "code": code},
            "tokens": {"title": "x", "scopes": ["read"], "days": 1, "code": code},
            "cancel": {}, "resume": {}, "withdraw": {},
        }.get(verb, REASON)  # fmt: skip

    def path(self, operation: str, ids: dict[str, str] | None = None) -> str:
        path = operation.partition(" ")[2]
        named = {"name": NAMES.get("/" + path.split("/")[1], "")} | self.ids | (ids or {})
        if path.startswith("/people/{name}/tokens") and ids is None:
            named["name"] = "vera"
        if path.endswith("/tickets") and ids is None:
            named["grant_id"] = self.ids["desktop_id"]
        for key, value in named.items():
            path = path.replace("{" + key + "}", value)
        assert "{" not in path, operation
        return path

    def whole_body(self, operation: str, name: str) -> dict:
        admin = self.door is Door.ADMIN and operation in ADMIN_BODIES
        return self.admin_body(operation, name) if admin else self.body(operation, name)

    async def call(
        self,
        operation: str,
        name: str,
        headers: dict | None = None,
        *,
        browser: Browser | None = None,
        body: dict | None = None,
        ids: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The operation as `name`, or with his body through another `browser`; `ids` in place of the site's."""
        method, path = operation.partition(" ")[0], self.path(operation, ids)
        browser = browser or self.browsers[name]
        if method == "GET":
            return await browser.get(path, headers=headers, params=QUERIES.get(operation))
        etag = await self.etag(path) if method in {"PATCH", "DELETE"} else ""
        body = self.whole_body(operation, name) if body is None and method != "DELETE" else body
        return await browser.change(path, body, method, etag, headers=headers or {})

    async def facts(self) -> int:
        """How many things happened but refusals and sign-ins."""
        events = await self.site.events()
        return sum(
            not e["event"].startswith(("identity.login", "identity.sign_in", "identity.token.used"))
            and not e["event"].endswith(".refused")
            for e in events
        )


@asynccontextmanager
async def people_door(site: Site) -> AsyncIterator[Table]:
    """One of everything of vera's, and everybody signed in."""
    async with site.visit() as connection:
        connection.open_stream("shell", {"kind": "shell"}, (80, 24)).output(b"hello\r\n")
        table = Table(site, Door.PEOPLE)
        await table.sign_in()
        vera, lena = table.browsers["vera"], table.browsers["lena"]
        request = await site.asked(vera)
        second, third = [await site.granted(vera, table.browsers["omar"]) for _ in range(2)]
        desktop = await site.granted(vera, table.browsers["omar"], protocol="rdp")
        site.services.desktops.front = RdpTwin()
        released = await lena.change(f"/grants/{third['id']}/release", {"code": site.code("lena")})
        table.digest = request["digest"]
        table.ids = {
            "name": "ews-l4",
            "request_id": request["id"],
            "grant_id": second["id"],
            "desktop_id": desktop["id"],
            "release_id": released.json()["id"],
            "session_id": connection.session.id,
            "exception_id": await site.proposed_exception(),
            "token_id": await token_of(site, "vera"),
            "file_id": await ledger.held(site, connection.session),
        }
        table.ids["version_id"], table.policy = await policies.proposed_by_sam(site)
        yield table


@asynccontextmanager
async def admin_door(site: Site) -> AsyncIterator[Table]:
    target = await site.services.inventory.target_named("ews-l5")
    await site.services.identity.add_person(site.persons["sam"], "newcomer", "Newcomer", "kranz", [Role.VENDOR])
    newcomer = await site.services.identity.person_named("newcomer")
    site.persons["newcomer"] = newcomer
    ids = {
        "service_id": target.services[0].id,
        "account": "engineer",
        "from_zone": "cell-4",
        "to_zone": "remote",
        "exception_id": await site.proposed_exception("ews-l5"),
        "token_id": await token_of(site, "vera"),
    }
    await site.services.inventory.add_conduit("sam", "cell-4", "remote", [Protocol.SSH])
    table = Table(site, Door.ADMIN, ids=ids)
    table.ids["version_id"], table.policy = await policies.proposed_by_sam(site)
    await table.sign_in()
    yield table


async def token_of(site: Site, name: str) -> str:
    await cells.program(site, name, Door.PEOPLE, Scope.READ)
    return (await site.services.identity.api_tokens.of(site.persons[name]))[0].id


DOORS = {Door.PEOPLE: people_door, Door.ADMIN: admin_door}
