"""What the schema says is what the doors answer: generated requests against both of them as they are served.

Each route is asked by one who may use it, in his page and through a program of his: whatever is sent, no answer is a
server's error, and every status, content type and body is one that the schema has. A longer run by hand:
`SLUICEGATE_FUZZ=100 pytest tests/api/test_fuzz.py`.
"""

from __future__ import annotations

import asyncio
import copy
import os
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.clock import SystemClock
from gateway.fronts.api import problems
from gateway.fronts.api.services import Door
from gateway.identity.model import Scope
from gateway.keys import open_keys
from gateway.web import WebServer
from tests.api import cells
from tests.api.site import HOST, Browser, Site
from tests.api.table import DOORS, LISTED, Table

EXAMPLES: Final = int(os.environ.get("SLUICEGATE_FUZZ", "2"))
CHECKS: Final = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDS: Final = {"POST /sign-out"}  # of what everything else is asked with
ANSWER: Final = 60.0  # seconds
pytestmark = pytest.mark.timeout(240 + EXAMPLES * 60)


@dataclass
class Asking:
    """Sends generated cases from another thread through the loop that serves them."""

    loop: asyncio.AbstractEventLoop
    client: httpx.AsyncClient
    seen: Counter[int] = field(default_factory=Counter)

    def __call__(self, case: schemathesis.Case, headers: dict[str, str]) -> None:
        asked = case.as_transport_kwargs(base_url=str(self.client.base_url).rstrip("/"), headers=headers)
        for not_ours in ("verify", "cookies"):
            asked.pop(not_ours, None)
        if isinstance(data := asked.pop("data", None), (str, bytes)):
            asked["content"] = data
        future = asyncio.run_coroutine_threadsafe(self.client.request(**asked), self.loop)
        try:
            answer = future.result(ANSWER)
        except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeEncodeError):
            reject()  # cannot be sent by HTTP at all
        self.seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)


def of(door: Door) -> schemathesis.schemas.BaseSchema:
    """The schema without the ways in: `actors` has them."""
    whole = copy.deepcopy(cells.whole(door))
    del whole["components"]["securitySchemes"]
    for item in whole["paths"].values():
        for operation in item.values():
            del operation["security"]
    return schemathesis.openapi.from_dict(whole)


@asynccontextmanager
async def served(site: Site, door: Door) -> AsyncIterator[httpx.AsyncClient]:
    keys = open_keys(site.folder / "keys", SystemClock(), names=(HOST,), replay=True)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with (
        WebServer(site.apps[door], "127.0.0.1", 0, keys.tls_certificate, keys.tls_key) as server,
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{server.port}", verify=trusting, timeout=ANSWER) as client,
    ):
        yield client


async def actors(table: Table, name: str) -> list[dict[str, str]]:
    """The headers of a page of `name` and of a program of his that may do everything."""
    page = await table.site.signed_in(name, table.door, "127.0.0.1")
    cookie = f"{cells.COOKIE}={page.cookies[cells.COOKIE]}"
    program: Browser = await cells.program(table.site, name, table.door, *Scope)
    return [
        {"Host": HOST, "Cookie": cookie, "X-CSRF-Token": page.csrf},
        {"Host": HOST, "Authorization": program.headers["Authorization"]},
    ]


def fuzz(asking: Asking, operation: schemathesis.APIOperation, ids: dict[str, str], who: list[dict[str, str]]) -> None:
    """Cases that the schema means and cases that it does not, of things that are there and of things that are not."""
    kinds = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    if "{" in operation.path:
        kinds.append(operation.as_strategy(path_parameters=ids))

    @settings(
        max_examples=EXAMPLES * len(kinds),
        database=None,
        derandomize=EXAMPLES < 10,  # the same in every run of the suite; by hand another each time
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(kinds), headers=st.sampled_from(who))
    def ask(case: schemathesis.Case, headers: dict[str, str]) -> None:
        asking(case, headers)

    ask()


@pytest.mark.parametrize("door", Door)
async def test_no_request_gets_an_answer_that_the_schema_does_not_have(site: Site, door: Door) -> None:
    async with DOORS[door](site) as table, served(site, door) as client:
        asking, found = Asking(asyncio.get_running_loop(), client), list[str]()
        who = {name: await actors(table, name) for name in table.browsers}
        for result in of(door).get_all_operations():
            operation = result.ok()
            label = f"{operation.method.upper()} {operation.path.removeprefix(cells.PREFIX)}"
            if label in ENDS:
                continue
            names = LISTED[door].get(label, frozenset({"sam"}))
            ids = {p.name: table.ids.get(p.name, "ews-l4") for p in operation.path_parameters}
            try:
                await asyncio.to_thread(fuzz, asking, operation, ids, who[min(names)])
            except (FailureGroup, Failure) as undocumented:
                found.append(f"{label}: {undocumented!r} {undocumented}")
        assert not found, "\n".join(found)
        assert asking.seen[200]
        assert asking.seen[422]
        print(f"{door}: {asking.seen.total()} answers, {dict(sorted(asking.seen.items()))}")


async def test_a_status_that_the_schema_does_not_have_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a planted status goes through the very same check."""
    monkeypatch.setitem(problems._REFUSALS, "not_signed_in", 418)
    async with served(site, Door.ADMIN) as client:
        asking = Asking(asyncio.get_running_loop(), client)
        operation = of(Door.ADMIN)["/api/v1/zones"]["GET"]
        with pytest.raises(BaseException, match="Undocumented status code"):
            await asyncio.to_thread(fuzz, asking, operation, {}, [{"Host": HOST}])
