"""A page's desktop: RDCleanPath with a ticket of its own person, then the same visit as any client's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.fronts.rdp import visitor
from gateway.fronts.rdp.pictures import Tone
from gateway.identity.model import Person
from gateway.ids import PersonId
from gateway.rdp import cleanpath
from tests.rdpfront.conftest import Bench
from tests.rdpfront.lines import Caller, Page, page_twin, plant
from tests.rdpfront.twins import SECRET, TICKET, VERA

HOME = "192.0.2.7"
TOKEN = f"{TICKET}.{SECRET}"
MALLORY = replace(VERA, id=PersonId("per_mallory"), name="mallory")


@pytest.fixture(autouse=True)
def short_last_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "END_SHOWN", visitor.END_SHOWN / 100)


@asynccontextmanager
async def opened(
    bench: Bench, first: Callable[[Page], None], person: Person = VERA
) -> AsyncIterator[tuple[Page, bytes]]:
    """A page that said its first message, and what the gateway answered."""
    page = Page()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(bench.front.web(page.channel(), person, HOME))
        first(page)
        async with asyncio.timeout(30):
            answer = await page.receive()
        yield page, answer
        page.abort()
        async with asyncio.timeout(30):
            await serving


def asks(token: str) -> Callable[[Page], None]:
    return lambda page: page.asks(token)


async def test_a_page_holds_enters_and_reads_the_last_words(bench: Bench, certificate) -> None:
    async with plant(certificate) as target, opened(bench, asks(TOKEN)) as (page, answer):
        assert b"ews-l4" in answer
        assert b"127.0.0.4" not in answer
        client: Caller = page_twin(page)
        await client.sees(Tone.WAIT.value)
        assert target.connections == 0
        bench.sessions.target = (target.host, target.port)
        bench.sessions.released.set()
        await client.until(lambda: target.active.is_set() and client.twin.active)
        await target.paint((200, 10, 10))
        await client.sees((200, 10, 10))
        bench.sessions.connections[0].end("Lena ended your session.")
        await client.until(lambda: client.twin.left)
        await client.until(lambda: bool(page.words))
        assert page.words == ["Lena ended your session."]


@pytest.mark.parametrize(("token", "person"), [("nobody.wrong", VERA), (TOKEN, MALLORY), ("", VERA)])
async def test_another_persons_ticket_opens_nothing_57(bench: Bench, token: str, person: Person) -> None:
    async with opened(bench, asks(token), person) as (page, answer):
        assert answer == cleanpath.error(1, 401)
        assert await page.receive() == b""
    assert not bench.sessions.visits


@pytest.mark.parametrize("junk", [b"\x00", b"\x30\x84\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", b"\x30" * 5000])
async def test_junk_from_a_page_is_answered_and_ends(bench: Bench, junk: bytes) -> None:
    async with opened(bench, lambda page: page.up.put_nowait(junk)) as (_, answer):
        assert answer == cleanpath.error(1, 400)


async def test_a_page_that_goes_while_it_waits_leaves_the_session(bench: Bench) -> None:
    async with opened(bench, asks(TOKEN)) as (page, _):
        await page_twin(page).sees(Tone.WAIT.value)
    assert bench.sessions.visits[0].left
