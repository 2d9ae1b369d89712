"""Who is in the plant now, and who may do what to him."""

from datetime import datetime

import pytest

from tests.api.site import Site


async def test_a_running_session_is_seen_by_those_whom_it_concerns_and_nobody_else_53(site: Site) -> None:
    async with site.visit() as connection:
        id_ = connection.session.id
        for name in ("vera", "omar", "lena", "ada", "vito", "olga", "sam"):
            sees = name in {"vera", "omar", "lena", "ada"}
            browser = await site.signed_in(name)
            found = [s["id"] for s in (await browser.get("/sessions", params={"scope": "live"})).json()]
            assert found == ([id_] if sees else []), name
            one = await browser.get(f"/sessions/{id_}")
            assert one.status_code == (200 if sees else 404), name
            if not sees:
                none = await browser.get("/sessions/ses_23456789abcdefghjkmn")
                assert one.content == none.content
            assert "127.0.0" not in one.text


async def test_lena_pauses_speaks_resumes_and_cuts(site: Site) -> None:
    async with site.visit() as connection:
        lena, vera = await site.signed_in("lena"), await site.signed_in("vera")
        path = f"/sessions/{connection.session.id}"
        heard: list[str] = []
        connection.on_notice = lambda notice: heard.append(notice.words)
        paused = (await lena.change(f"{path}/pause", {"reason": "look at the press first"})).json()
        assert (paused["state"], paused["may"]) == ("paused", ["kill", "resume", "extend", "message", "watch"])
        assert (await vera.get(path)).json()["state"] == "paused"
        assert (await lena.change(f"{path}/resume")).json()["state"] == "active"
        await lena.change(f"{path}/message", {"words": "Please finish."})
        assert any("Please finish." in words for words in heard)
        killed = (await lena.change(f"{path}/kill", {"reason": "unexpected writes", "block_minutes": 60})).json()
        assert killed["end"]["reason"] == "killed"
        assert killed["end"]["actor"] == "lena"
        ended = (await vera.get("/sessions", params={"scope": "ended"})).json()
        assert [s["end"]["reason"] for s in ended] == ["killed"]
        assert await site.events("access.block.set")
        again = await lena.change(f"{path}/pause", {})
        assert (again.status_code, again.json()["code"]) == (403, "ended")


async def test_vera_asks_for_time_and_omar_gives_it(site: Site) -> None:
    async with site.visit() as connection:
        vera, omar = await site.signed_in("vera"), await site.signed_in("omar")
        path = f"/sessions/{connection.session.id}"
        before = (await vera.get(path)).json()
        assert before["may"] == ["ask_extension"]
        asked = {"minutes": 10, "reason": "the download takes longer"}
        assert (await vera.change(f"{path}/ask-extension", asked)).is_success
        shown = (await omar.get(path)).json()["extension_asked"]
        assert (shown["minutes"], shown["reason"]) == (10, "the download takes longer")
        extended = await omar.change(f"{path}/extend", asked | {"code": site.code("omar")})
        assert extended.is_success, extended.text
        assert extended.json()["deadline"] > before["deadline"]
        assert extended.json()["extension_asked"] is None
        assert (await vera.get("/grants")).json()[0]["extended_minutes"] == 10


async def test_an_extension_needs_a_fresh_code_of_the_approver(site: Site) -> None:
    async with site.visit() as connection:
        omar = await site.signed_in("omar")
        path = f"/sessions/{connection.session.id}/extend"
        asked = {"minutes": 10, "reason": "more", "code": site.last_code("omar")}
        assert (await omar.change(path, asked)).json()["code"] == "used_code"
        assert (await omar.change(path, {k: v for k, v in asked.items() if k != "code"})).status_code == 422
        assert not await site.events("access.grant.extended")


@pytest.mark.parametrize("deed", ["pause", "resume", "kill", "message", "extend"])
async def test_the_person_in_the_session_does_not_control_it(site: Site, deed: str) -> None:
    async with site.visit() as connection:
        vera = await site.signed_in("vera")
        body = {
            "kill": {"reason": "mine"},
            "message": {"words": "to myself"},
            "extend": {"minutes": 5, "reason": "mine", "code": site.code("vera")},
        }.get(deed, {})
        answer = await vera.change(f"/sessions/{connection.session.id}/{deed}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_in_control")
        assert (await vera.get(f"/sessions/{connection.session.id}")).json()["state"] == "active"


async def test_who_sees_a_session_and_owns_another_target_does_not_control_it(site: Site) -> None:
    async with site.visit() as connection:
        identity = site.services.identity
        version = (await identity.person_named("olga")).version
        await identity.change_person(site.persons["sam"], "olga", version, roles=["owner", "auditor"])
        olga = await site.signed_in("olga")
        path = f"/sessions/{connection.session.id}"
        assert (await olga.get(path)).json()["may"] == ["watch"]
        answer = await olga.change(f"{path}/kill", {"reason": "not mine"})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_in_control")
        assert (await olga.get(path)).json()["state"] == "active"


async def test_the_moment_of_the_last_input_is_shown_while_it_runs(site: Site) -> None:
    async with site.visit() as connection:
        lena, path = await site.signed_in("lena"), f"/sessions/{connection.session.id}"
        stream = connection.open_stream("shell", {"kind": "shell"}, (80, 24))
        stream.output(b"hello\r\n")
        site.clock.advance(seconds=20)
        assert (await lena.get(path)).json()["last_input"] is None
        stream.typed(b"ls\r")
        typed = site.clock.now()
        site.clock.advance(seconds=20)
        shown = (await lena.get(path)).json()["last_input"]
        assert datetime.fromisoformat(shown) == typed
        over = await lena.change(f"{path}/kill", {"reason": "the line starts"})
        assert over.json()["last_input"] is None
