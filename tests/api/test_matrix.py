"""Every route of both doors, from the schema, for everybody (abuse cases 46, 52, 53): only the listed pairs succeed."""

from __future__ import annotations

from dataclasses import dataclass, field

import asyncssh

from gateway.fronts.api.app import bare, schema
from gateway.fronts.api.services import Door
from tests.api.site import HOST, PEOPLE, Browser, RdpTwin, Site

EVERYBODY = frozenset(PEOPLE)
CONCERNED = frozenset({"vera", "omar", "lena", "ada"})  # vera's doings on omar's target
CONTROL = frozenset({"omar", "lena"})
AUDITOR = frozenset({"ada"})
ADMIN = frozenset({"sam"})
OPEN = frozenset({"/setup", "/enrol", "/enrol/confirm", "/sign-in", "/health"})  # before anybody is signed in
REASON = {"reason": "the line is in production"}

LISTED: dict[Door, dict[str, frozenset[str]]] = {
    Door.PEOPLE: {
        "GET /me": EVERYBODY,
        "GET /tokens": EVERYBODY,
        "POST /tokens": EVERYBODY,
        "DELETE /tokens/{token_id}": frozenset({"vera"}),
        "GET /targets": EVERYBODY,
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
        "GET /recordings": AUDITOR,
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
        "GET /audit/checkpoint": AUDITOR,
        "POST /sign-out": EVERYBODY,
    },
    Door.ADMIN: {
        "GET /me": EVERYBODY,
        "GET /tokens": EVERYBODY,
        "POST /tokens": EVERYBODY,
        "DELETE /tokens/{token_id}": frozenset({"vera"}),
        "GET /audit": AUDITOR,
        "GET /audit/checkpoint": AUDITOR,
        "GET /organisations": ADMIN,
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
        "POST /zones": ADMIN,
        "PATCH /zones/{name}": ADMIN,
        "GET /conduits": ADMIN,
        "POST /conduits": ADMIN,
        "PATCH /conduits/{from_zone}/{to_zone}": ADMIN,
        "GET /targets": ADMIN,
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
    "PATCH /zones/{name}": {"title": "Cell four", "version": 1},
    "PATCH /conduits/{from_zone}/{to_zone}": {"was": ["ssh", "rdp"], "protocols": ["ssh", "rdp"]},
    "POST /conduits": {"source": "cell-4", "destination": "remote", "protocols": ["ssh"]},
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
    "POST /sign-out": {},
}  # fmt: skip
# What a name in a path stands for, by what the path begins with.
NAMES = {"/organisations": "kranz", "/zones": "cell-4", "/targets": "ews-l5", "/people": "newcomer"}
# Said to one who may in general, and cannot at this moment: somebody before him in this table was faster.
LATE = frozenset({"conflict", "ended"})


@dataclass
class Table:
    """One site with one of everything of vera's, and everybody signed in."""

    site: Site
    door: Door
    browsers: dict[str, Browser] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    digest: str = ""

    async def sign_in(self) -> None:
        for name in PEOPLE:
            self.browsers[name] = await self.site.signed_in(name, self.door)
        nobody, forged = self.site.browser(self.door), self.site.browser(self.door)
        forged.cookies.set("__Host-sluicegate", "A" * 43, domain=HOST, path="/")
        self.browsers |= {"nobody": nobody, "forged": forged}

    async def version(self, path: str) -> int:
        services = self.site.services
        if path.startswith("/people"):
            return (await services.identity.person_named("newcomer")).version
        return (await services.inventory.target_named("ews-l5")).version

    async def admin_body(self, operation: str, name: str) -> dict:
        """A body that would do it, on the admin door."""
        method, _, path = operation.partition(" ")
        body = dict(ADMIN_BODIES[operation])
        if path.startswith("/people/{name}"):
            body["code"] = self.site.code(name) if name in ADMIN else "123456"
        if method == "PATCH" and path.startswith(("/people", "/targets")):
            body["version"] = await self.version(path)
        return body

    def body(self, operation: str, name: str) -> dict:
        """A body that would do it, on the people's door."""
        site, verb = self.site, operation.rpartition("/")[2]
        coded = verb in {
            "approve",
            "release",
            "extend",
            "accept",
            "tickets",
            "tokens",
        }  # each code takes 30 s of the session's time
        code = site.code(name) if coded and name in PEOPLE else "123456"
        if operation == "POST /exceptions/{exception_id}/accept":
            return {"code": code}
        return {
            "requests": site.wanted(),
            "approve": {"code": code, "digest": self.digest},
            "release": {"code": code},
            "extend": {"minutes": 10, "code": code, "reason": "the download takes longer"},
            "accept": {"fingerprint": FINGERPRINT, "reason": "new system disk", "code": code},
            "ask-extension": {"minutes": 10, "reason": "the download takes longer"},
            "message": {"words": "Please finish."},
            "tickets": {"for": "client", "code": code},
            "tokens": {"title": "x", "scopes": ["read"], "days": 1, "code": code},
            "cancel": {}, "resume": {}, "withdraw": {},
        }.get(verb, REASON)  # fmt: skip

    async def call(self, operation: str, name: str, headers: dict | None = None):
        method, _, path = operation.partition(" ")
        named = {"name": NAMES.get("/" + path.split("/")[1], "")} | self.ids
        if path.endswith("/tickets"):
            named["grant_id"] = self.ids["desktop_id"]
        for key, value in named.items():
            path = path.replace("{" + key + "}", value)
        browser = self.browsers[name]
        if method == "GET":
            return await browser.get(path, headers=headers)
        if method == "DELETE":
            seen = {"version": await self.version(path)}
            return await browser.change(path, method=method, params=seen, headers=headers or {})
        admin = self.door is Door.ADMIN and operation in ADMIN_BODIES
        body = await self.admin_body(operation, name) if admin else self.body(operation, name)
        return await browser.change(path, body, method, headers=headers or {})

    async def facts(self) -> int:
        """How many things happened but refusals and sign-ins."""
        events = await self.site.events()
        return sum(
            not e["event"].startswith(("identity.login", "identity.sign_in")) and not e["event"].endswith(".refused")
            for e in events
        )


def operations(door: Door) -> list[str]:
    paths = schema(bare(door))["paths"]
    return [f"{m.upper()} {p.removeprefix('/api/v1')}" for p, item in paths.items() for m in item]


def test_every_route_of_each_door_is_in_the_table() -> None:
    for door in Door:
        open_ = {o for o in operations(door) if o.partition(" ")[2] in OPEN}
        assert set(operations(door)) - open_ == set(LISTED[door])


async def walk(table: Table) -> None:
    for operation, listed in LISTED[table.door].items():
        before = await table.facts()
        for name in table.browsers.keys() - listed:
            answer = await table.call(operation, name)
            expected = {401} if name in {"nobody", "forged"} else {403, 404}
            assert answer.status_code in expected, (operation, name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        for name in () if operation.startswith("GET") else listed:
            answer = await table.call(operation, name, {"X-CSRF-Token": "0" * 64})
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), (operation, name)
        assert await table.facts() == before, operation
        for name in sorted(listed):
            answer = await table.call(operation, name)
            late = answer.status_code in {403, 409} and answer.json()["code"] in LATE
            assert answer.is_success or late, (operation, name, answer.text)


async def test_on_the_people_door_only_the_listed_pairs_succeed_52(site: Site) -> None:
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
        }
        await walk(table)


async def test_on_the_admin_door_only_admins_and_auditors_get_what_is_theirs_52(site: Site) -> None:
    target = await site.services.inventory.target_named("ews-l5")
    ids = {"service_id": target.services[0].id, "account": "operator", "from_zone": "cell-4", "to_zone": "remote"}
    ids["exception_id"] = await site.proposed_exception("ews-l5")
    table = Table(site, Door.ADMIN, ids=ids)
    await table.sign_in()
    await walk(table)


def test_no_admin_route_exists_on_the_people_door() -> None:
    people = set(operations(Door.PEOPLE))
    assert not people & {o for o, who in LISTED[Door.ADMIN].items() if who == ADMIN} - {"GET /targets"}
