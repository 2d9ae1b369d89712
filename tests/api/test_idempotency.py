"""`Idempotency-Key`: asked twice, made once; and what of an answer is kept."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.errors import StoreUnavailable
from gateway.fronts.api import idempotency
from gateway.fronts.api.app import routes
from gateway.fronts.api.services import Door
from gateway.fronts.api.views.common import ShownOnce
from gateway.identity.model import Role
from gateway.store import answers
from tests.api.site import Browser, Site
from tests.api.test_tokens import made, program

ZONE = {"name": "cell-7", "title": "Cell of line 7", "level": "2"}
KEY = {"Idempotency-Key": "a9d1e2"}


async def admin(site: Site) -> Browser:
    return await site.signed_in("sam", Door.ADMIN)


async def added(site: Site) -> list[str]:
    """Zones that the tests here made."""
    return [z.name for z in await site.services.inventory.zones() if z.name not in {"remote", "cell-4"}]


async def test_the_same_key_and_body_makes_one_thing_and_gives_the_same_answer(site: Site) -> None:
    sam = await admin(site)
    first = await sam.change("/zones", ZONE, headers=KEY)
    again = await sam.change("/zones", ZONE, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await added(site) == ["cell-7"]


async def test_the_same_key_with_another_body_is_refused_and_makes_nothing(site: Site) -> None:
    sam = await admin(site)
    await sam.change("/zones", ZONE, headers=KEY)
    other = await sam.change("/zones", ZONE | {"name": "cell-8"}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert await added(site) == ["cell-7"]


async def test_of_twenty_at_once_one_makes_it_and_no_other_does(site: Site) -> None:
    vera = await site.signed_in("vera")
    body = site.wanted()
    found = await asyncio.gather(*(vera.change("/requests", body, headers=KEY) for _ in range(20)))
    assert {a.status_code for a in found} <= {201, 409}
    assert {a.json()["code"] for a in found if a.status_code == 409} <= {"key_in_use"}
    assert len({a.json()["id"] for a in found if a.status_code == 201}) == 1
    assert len(await site.events("access.request.made")) == 1


async def test_a_refusal_is_not_kept_and_the_key_is_free_again(site: Site) -> None:
    sam = await admin(site)
    bad = await sam.change("/zones", ZONE | {"level": "9"}, headers=KEY)
    assert bad.status_code == 422
    assert (await sam.change("/zones", ZONE, headers=KEY)).status_code == 201


async def test_after_a_failure_of_ours_the_key_stays_taken_for_nobody_knows(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = await admin(site)

    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(type(site.services.inventory), "add_zone", breaks)
        assert (await sam.change("/zones", ZONE, headers=KEY)).status_code == 500
    again = await sam.change("/zones", ZONE, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (409, "key_in_use")


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(answers, "finish", full)
    assert (await (await admin(site)).change("/zones", ZONE, headers=KEY)).status_code == 201


async def test_an_answer_that_is_not_to_be_kept_is_passed_on_as_it_comes(site: Site) -> None:
    """A download of gigabytes is not gathered in memory because its request has the header."""
    order = list[str]()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in ("http.response.start", "http.response.body"):
            order.append("made")
            await send({"type": message})

    async def sent(message: Message) -> None:
        order.append(message["type"])

    async def received() -> Message:
        return {"type": "http.request"}

    scope: Scope = {"type": "http", "headers": [(b"idempotency-key", b"a9d1e2")]}
    await idempotency.Keeping(app, site.services)(scope, received, sent)
    assert order == ["made", "http.response.start", "made", "http.response.body"]


async def test_a_secret_that_is_shown_once_is_neither_kept_nor_shown_again(site: Site) -> None:
    sam = await admin(site)
    new = {"name": "newcomer", "title": "New", "organisation": "kranz", "roles": ["vendor"]}
    first = await sam.change("/people", new, headers=KEY)
    invitation = first.json()["invitation"]
    again = await sam.change("/people", new, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (409, "shown_once")
    await site.services.store.close()
    held = b"".join(file.read_bytes() for file in site.folder.rglob("*.db*"))
    assert b"api_answer" in held
    assert invitation.encode() not in held


def test_every_answer_with_a_secret_is_one_that_is_shown_once() -> None:
    for door in Door:
        for route in filter(idempotency.makes, routes(door)):
            model = route.response_model
            secrets = {"secret", "token", "invitation", "uri", "password", "key"} & set(model.model_fields)
            assert not secrets or issubclass(model, ShownOnce), route.path


async def test_a_key_belongs_to_one_person_one_path_and_the_roles_he_has(site: Site) -> None:
    sam, vera, vito = await admin(site), await site.signed_in("vera"), await site.signed_in("vito")
    ids = [(await b.change("/requests", site.wanted(), headers=KEY)).json()["id"] for b in (vera, vito)]
    assert len(set(ids)) == 2
    assert (await sam.change("/zones", ZONE, headers=KEY)).status_code == 201
    conduit = {"source": "cell-7", "destination": "cell-4", "protocols": ["ssh"]}
    assert (await sam.change("/conduits", conduit, headers=KEY)).status_code == 201


async def test_who_lost_the_role_gets_no_old_answer(site: Site) -> None:
    token, _ = await made(site, "sam", "inventory")
    asking = program(site, token, Door.ADMIN)
    assert (await asking.post("/zones", json=ZONE, headers=KEY)).status_code == 201
    identity = site.services.identity
    _, link = await identity.add_person(site.persons["sam"], "second", "Second", "plant", [Role.ADMIN])
    site.seeds["second"] = (await identity.enrol(link, "second opens the sluice")).secret
    second = await identity.confirm_enrolment(link, site.last_code("second"))
    him = await identity.person_named("sam")
    await identity.change_person(second, "sam", him.version, roles=[Role.AUDITOR])
    again = await asking.post("/zones", json=ZONE, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (403, "not_your_role")


async def test_nobody_learns_from_a_key_without_a_sign_in_or_a_csrf_token(site: Site) -> None:
    sam = await admin(site)
    await sam.change("/zones", ZONE, headers=KEY)
    assert (await site.browser(Door.ADMIN).post("/zones", json=ZONE, headers=KEY)).status_code == 401
    assert (await sam.post("/zones", json=ZONE, headers=KEY)).json()["code"] == "csrf"


async def test_a_day_later_a_key_is_new(site: Site) -> None:
    vera = await site.signed_in("vera")
    first = await vera.change("/requests", site.wanted(), headers=KEY)
    site.clock.advance(hours=25)
    later = await (await site.signed_in("vera")).change("/requests", site.wanted(), headers=KEY)
    assert (first.status_code, later.status_code) == (201, 201)
    assert first.json()["id"] != later.json()["id"]


@pytest.mark.parametrize("key", [b"", b"x" * 256, "ü".encode(), b"a\x01b"])
async def test_a_key_that_is_none_is_said_so(site: Site, key: bytes) -> None:
    answer = await (await admin(site)).change("/zones", ZONE, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_the_keys_of_one_person_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "IDEMPOTENCY_KEYS", 2)
    sam = await admin(site)
    found = [
        await sam.change("/zones", ZONE | {"name": f"cell-{n}"}, headers={"Idempotency-Key": str(n)})
        for n in range(10, 13)
    ]
    assert [a.status_code for a in found] == [201, 201, 429]
    assert await added(site) == ["cell-10", "cell-11"]
