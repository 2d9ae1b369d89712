"""The committed schema, which the page's types are made from, and what it promises."""

from pathlib import Path

import pytest

from gateway.fronts.api import schema
from gateway.fronts.api.app import bare
from gateway.fronts.api.app import schema as of
from gateway.fronts.api.services import Door
from tests.api.site import Site

WEB = Path(__file__).parent.parent.parent / "web"
COMMITTED = {Door.PEOPLE: "openapi.json", Door.ADMIN: "openapi-admin.json"}


@pytest.mark.parametrize("door", list(Door))
def test_the_committed_schema_is_what_the_application_answers(door: Door) -> None:
    committed = (WEB / COMMITTED[door]).read_text()
    assert committed == schema.text(door), f"python -m gateway.fronts.api.schema {door} > web/{COMMITTED[door]}"


@pytest.mark.parametrize("door", list(Door))
async def test_whoever_asks_again_for_the_schema_gets_the_same(site: Site, door: Door) -> None:
    """Strangers may ask: what grows with each question would fill the memory."""
    browser = site.browser(door)
    first, again = await browser.get("/openapi.json"), await browser.get("/openapi.json")
    assert (first.json(), again.content) == (of(bare(door)), first.content)


@pytest.mark.parametrize("door", list(Door))
def test_every_operation_has_a_summary_a_tag_and_its_problems(door: Door) -> None:
    for path, item in of(bare(door))["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], path
            assert operation["tags"], path
            assert {"400", "422", "503"} <= operation["responses"].keys(), path
            assert {"401", "403"} <= operation["responses"].keys() or path.rpartition("/")[2] in {
                "setup", "enrol", "confirm", "health",
            }, path  # fmt: skip
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], (method, path)


@pytest.mark.parametrize("door", list(Door))
def test_every_question_refuses_fields_that_are_not_listed_55(door: Door) -> None:
    made = of(bare(door))
    for path, item in made["paths"].items():
        for operation in item.values():
            if body := operation.get("requestBody"):
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert made["components"]["schemas"][name]["additionalProperties"] is False, path


def test_every_reference_leads_somewhere() -> None:
    made = of(bare(Door.PEOPLE))

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                assert reference.rpartition("/")[2] in made["components"]["schemas"]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(made)
