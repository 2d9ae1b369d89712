"""Who is in the plant now, and who may do what to him."""

from tests.api.site import Site

CONTROL = {
    "pause": {"reason": "look at this first"},
    "resume": None,
    "message": {"words": "Please finish."},
    "kill": {"reason": "unexpected writes"},
}


async def test_a_running_session_is_seen_by_those_whom_it_concerns_and_nobody_else(site: Site) -> None:
    async with site.visit() as connection:
        id_ = connection.session.id
        for name, sees in {"vera": True, "omar": True, "lena": True, "ada": True}.items() | {
            "vito": False, "olga": False, "sam": False
        }.items():  # fmt: skip
            browser = await site.signed_in(name)
            found = [s["id"] for s in (await browser.get("/sessions", params={"scope": "live"})).json()]
            assert found == ([id_] if sees else []), name
            assert (await browser.get(f"/sessions/{id_}")).status_code == (200 if sees else 404), name
