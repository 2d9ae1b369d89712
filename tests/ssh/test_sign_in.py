"""Signing in with a client in the process: which steps are asked, what counts, what is refused."""

import asyncio
from datetime import timedelta

import asyncssh
import pytest

from gateway.identity.model import Factor
from tests.ssh.clients import ANSWERS, Client, connect
from tests.ssh.conftest import BANNER
from tests.ssh.people import CODE, PASSWORD


async def test_key_and_code_open_the_target_and_the_consent_is_on_record(bench):
    connection, client = await connect(bench)
    result = await connection.run("echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.exit_status) == ("out\n", "err\n", 3)
    assert client.prompts == ["Code: "]
    assert client.banners == [BANNER.rstrip() + "\r\n"]
    assert bench.identity.proved == [("vera", False)]
    assert {p.factor for p in bench.sessions.arrivals[0].proofs} == {Factor.SSH_KEY, Factor.TOTP}
    consent = await bench.event("ssh.consent.accepted")
    assert consent["actor"] == "vera"
    assert consent["strict_kex"] is True
    connection.close()


async def test_password_and_code_are_two_prompts_of_one_conversation(bench):
    connection, client = await connect(bench, key=None)
    assert (await connection.run("echo in")).stdout == "in\n"
    assert client.prompts == ["Password: ", "Code: "]
    connection.close()


async def test_a_key_alone_does_not_open_the_door(bench):
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(bench, preferred_auth="publickey")
    assert bench.sessions.arrivals == []
    assert bench.sessions.dials == 0


async def test_a_code_alone_does_not_open_the_door(bench):
    with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
        await connect(bench, key=None, client=Client({"Password: ": "", "Code: ": CODE}))
    assert bench.sessions.arrivals == []


async def test_nobody_learns_whether_the_password_or_the_code_was_wrong(bench):
    seen = []
    for answers in ({**ANSWERS, "Password: ": "x"}, {**ANSWERS, "Code: ": "x"}):
        client = Client(answers)
        with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
            await connect(bench, key=None, client=client)
        seen.append(client.rounds)
        bench.forgive()
    assert seen[0] == seen[1]


async def test_a_wrong_password_costs_no_code(bench):
    with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
        await connect(bench, key=None, client=Client({**ANSWERS, "Password: ": "x"}))
    assert bench.identity.code_calls == 0


async def test_a_key_of_somebody_else_is_not_taken(bench):
    with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
        await connect(bench, "viktor+ews-l4", preferred_auth="publickey")
    assert bench.identity.proved == []


async def test_attempts_are_counted_and_end_the_connection(bench):
    class Guesser(Client):
        def kbdint_challenge_received(self, name, instructions, lang, prompts):
            super().kbdint_challenge_received(name, instructions, lang, prompts)
            return ["guess" for _ in prompts]

    client = Guesser()
    with pytest.raises(asyncssh.Error):
        await connect(bench, client=client)
    assert bench.identity.code_calls <= 6


async def test_a_fresh_code_from_the_same_source_is_not_asked_for_again(bench):
    bench.sessions.age = timedelta(minutes=5)
    first, one = await connect(bench)
    second, two = await connect(bench)
    assert one.prompts == ["Code: "]
    assert two.rounds == []
    assert bench.identity.code_calls == 1
    assert (await second.run("echo joined")).stdout == "joined\n"
    first.close()
    second.close()


async def test_a_login_name_that_cannot_be_is_told_how_to_write_it(bench):
    client = Client()
    with pytest.raises(asyncssh.DisconnectError, match=r"PERSON\+TARGET"):
        await connect(bench, "Vera/ews", client=client)
    assert any("PERSON+TARGET" in banner for banner in client.banners)


async def test_a_hold_is_told_in_rounds_without_prompts_and_ends_in_the_shell(bench):
    bench.sessions.released.clear()
    client = Client()
    signing_in = asyncio.get_running_loop().create_task(connect(bench, client=client))
    await client.shown(4)
    assert bench.sessions.dials == 0
    assert bench.sessions.connections == []
    (text, prompts), (still, no_prompts) = client.rounds[1:3]
    assert prompts == no_prompts == []
    assert "Waiting for the release." in text
    assert "Ctrl-C leaves" in still
    bench.sessions.released.set()
    connection, _ = await signing_in
    assert (await connection.run("echo open")).stdout == "open\n"
    connection.close()


async def test_whoever_leaves_a_hold_leaves_the_visit_and_nothing_was_dialled(bench):
    bench.sessions.released.clear()
    client = Client()
    signing_in = asyncio.get_running_loop().create_task(connect(bench, client=client))
    await client.shown(3)
    signing_in.cancel()
    await asyncio.wait_for(bench.sessions.gone.wait(), 5)
    assert bench.sessions.visits[0].left
    assert bench.sessions.dials == 0


async def test_a_denial_in_the_hold_is_a_banner_and_a_disconnect_with_the_same_words(bench):
    bench.sessions.released.clear()
    client = Client()
    signing_in = asyncio.get_running_loop().create_task(connect(bench, client=client))
    await client.shown(3)
    bench.sessions.denial = "Omar Owner denied it: not during the shift."
    bench.sessions.released.set()
    with pytest.raises(asyncssh.DisconnectError, match="not during the shift"):
        await signing_in
    assert client.banners[-1] == "Omar Owner denied it: not during the shift.\r\n"


async def test_a_refusal_before_the_hold_is_told_too(bench):
    client = Client()
    with pytest.raises(asyncssh.DisconnectError, match="no grant for plc-1"):
        await connect(bench, "vera+plc-1", client=client)
    assert bench.sessions.dials == 0


async def test_a_store_that_cannot_answer_lets_nobody_in(bench):
    from gateway.errors import StoreUnavailable

    async def broken(*_):
        raise StoreUnavailable("gone")

    bench.identity.log_in = broken
    with pytest.raises(asyncssh.DisconnectError, match="cannot answer now"):
        await connect(bench)
    assert bench.sessions.arrivals == []


async def test_consent_that_cannot_be_recorded_lets_nobody_in(bench, monkeypatch):
    from gateway.errors import StoreUnavailable
    from gateway.store.db import Store

    def broken(self):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(Store, "write", broken)
    with pytest.raises(asyncssh.DisconnectError, match="cannot answer now"):
        await connect(bench)


async def test_a_login_without_target_lists_what_there_is_when_there_is_no_terminal(bench):
    connection, client = await connect(bench, "vera")
    result = await connection.run("")
    assert client.prompts == ["Code: "]
    assert "ews-l4" in result.stdout or "no command" in result.stderr
    listing = await connection.create_process(request_pty=False)
    out, _ = await listing.communicate()
    assert "1  ews-l4" in out
    assert "2  hist-1" in out
    assert bench.sessions.dials == 0
    refused = await connection.run("id")
    assert "Name the target" in refused.stderr
    assert refused.exit_status == 254
    connection.close()


async def test_the_menu_enters_the_target_that_was_chosen_on_the_same_connection(bench):
    connection, _ = await connect(bench, "vera")
    process = await connection.create_process(term_type="xterm", term_size=(80, 24))
    assert "Number, or q" in await process.stdout.readuntil("leave: ")
    process.stdin.write("1\r")
    await process.stdout.readuntil("$ ")
    process.stdin.write("echo $((40+2))\r")
    await process.stdout.readuntil("42")
    assert bench.sessions.arrivals[0].target == "ews-l4"
    process.stdin.write("exit 5\r")
    assert (await process.wait()).exit_status == 5
    assert (await connection.run("echo beside")).stdout == "beside\n"
    connection.close()


async def test_a_hold_in_the_menu_drops_what_is_typed_and_ctrl_c_leaves(bench):
    bench.sessions.released.clear()
    connection, _ = await connect(bench, "vera")
    process = await connection.create_process(term_type="xterm", term_size=(80, 24))
    await process.stdout.readuntil("leave: ")
    process.stdin.write("1\r")
    await process.stdout.readuntil("Waiting for the release.")
    process.stdin.write("rm -rf important\r\x03")
    assert (await process.wait()).exit_status == 130
    assert bench.sessions.visits[0].left
    assert bench.sessions.dials == 0
    connection.close()


async def test_a_password_prompt_is_not_skipped_by_a_restarted_conversation(bench):
    """After a right password and a wrong code the password is asked for again: its prompt must tell nothing."""

    class Restarting(Client):
        def kbdint_challenge_received(self, name, instructions, lang, prompts):
            super().kbdint_challenge_received(name, instructions, lang, prompts)
            return [PASSWORD if p == "Password: " else "000000" for p, _ in prompts]

    client = Restarting()
    with pytest.raises(asyncssh.Error):
        await connect(bench, key=None, client=client)
    assert client.prompts[:3] in (["Password: ", "Code: "], ["Password: ", "Code: ", "Password: "])


async def test_two_answers_at_once_to_one_question_are_one_guess(bench):
    """Abuse case 23: the second one was not asked for."""
    from gateway.clock import SystemClock
    from gateway.errors import Refused
    from gateway.fronts.errands import Errands
    from gateway.fronts.ssh.auth import SignIn
    from gateway.fronts.ssh.names import Login

    async with asyncio.TaskGroup() as tasks:
        sign_in = SignIn(
            Login("vera", "ews-l4"),
            source="127.0.0.1",
            client="x",
            intro="",
            identity=bench.identity,
            sessions=bench.sessions,
            clock=SystemClock(),
            errands=Errands(tasks),
        )
        await sign_in.challenge()
        await sign_in.answer([PASSWORD])
        outcomes = await asyncio.gather(sign_in.answer(["000000"]), sign_in.answer([CODE]), return_exceptions=True)
    assert outcomes[0] is False
    assert isinstance(outcomes[1], Refused)
    assert bench.identity.code_calls == 1
    assert not sign_in.admitted


async def test_when_the_gateway_stops_everybody_is_told_and_gone(bench):
    connection, client = await connect(bench)
    process = await connection.create_process("sleep 100")
    await bench.front.close()
    async with asyncio.timeout(30):
        await client.gone.wait()
        assert "shutting down" in await process.stderr.read()
    assert bench.front._visitors == set()
    assert bench.sessions.connections[0].closed


async def test_whoever_hangs_up_while_the_target_is_dialled_leaves_no_connection_to_it(bench):
    reached, go = asyncio.Event(), asyncio.Event()
    credential = bench.sessions.credential

    async def slow(self):
        reached.set()
        await go.wait()
        return credential

    from tests.ssh.twins import TwinConnection

    original, TwinConnection.credential = TwinConnection.credential, slow
    try:
        connection, _ = await connect(bench)
        async with asyncio.timeout(30):
            await connection.create_process("true")
            await reached.wait()
            connection.abort()
            await bench.sessions.gone.wait()
        go.set()
    finally:
        TwinConnection.credential = original
    assert bench.sessions.dials == 0
    assert bench.target.connections == []
