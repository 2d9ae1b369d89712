"""PuTTY's plink and psftp, dropbear's dbclient and paramiko through the front, as Debian ships them."""

import asyncio
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable

import paramiko
import pytest

from tests.ssh.bell import Bell
from tests.ssh.clients import Terminal, run
from tests.ssh.people import CODE, PASSWORD

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


def fingerprint(bench) -> str:
    line = subprocess.run(["ssh-keygen", "-lf", str(bench.known_hosts)], check=True, capture_output=True, text=True)
    return line.stdout.split()[1]


def plink(bench, *arguments: str, login="vera+ews-l4", program="plink") -> list[str]:
    return [
        program, *(("-ssh",) if program == "plink" else ()), "-hostkey", fingerprint(bench), "-no-antispoof",
        "-noagent", "-P", str(bench.port), "-l", login, "127.0.0.1", *arguments,
    ]  # fmt: skip


def dbclient(bench, *arguments: str, login="vera+ews-l4") -> list[str]:
    return ["dbclient", "-y", "-y", "-p", str(bench.port), f"{login}@127.0.0.1", *arguments]


async def sign_in(terminal: Terminal) -> None:
    await terminal.until("Password: ")
    terminal.type(PASSWORD + "\n")
    await terminal.until("Code: ")
    terminal.type(CODE + "\n")


async def test_plink_runs_a_command_and_shows_the_consent_before_its_first_prompt(bench):
    terminal = await Terminal.start(*plink(bench, "echo out$((1+1)); exit 3"))
    try:
        shown = await terminal.until("Password: ")
        assert "Signing in accepts that" in shown
        terminal.type(PASSWORD + "\n")
        await terminal.until("Code: ")
        terminal.type(CODE + "\n")
        await terminal.until("out2")
        assert await terminal.exit() == 3
    finally:
        await terminal.stop()


async def test_plink_shows_the_hold_and_opens_on_release(bench):
    bench.sessions.released.clear()
    terminal = await Terminal.start(*plink(bench))
    try:
        await sign_in(terminal)
        await terminal.until("Waiting for the release")
        bench.sessions.released.set()
        await terminal.until(r"ready\$ ")
        terminal.type("exit\r")
        await terminal.exit()
    finally:
        await terminal.stop()


async def test_plink_leaves_the_hold_on_ctrl_c(bench):
    bench.sessions.released.clear()
    terminal = await Terminal.start(*plink(bench))
    try:
        await sign_in(terminal)
        await terminal.until("Waiting for the release")
        terminal.type("\x03")
        await terminal.exit()
    finally:
        await terminal.stop()
    await asyncio.wait_for(bench.sessions.gone.wait(), 5)
    assert bench.sessions.dials == 0


async def test_plink_shows_a_refusal(bench):
    terminal = await Terminal.start(*plink(bench, "id", login="vera+plc-1"))
    try:
        await sign_in(terminal)
        await terminal.until("no grant for plc-1")
        assert await terminal.exit() != 0
    finally:
        await terminal.stop()


async def test_psftp_shows_why_there_are_no_files(bench):
    terminal = await Terminal.start(*[a for a in plink(bench, program="psftp") if a != "-no-antispoof"])
    try:
        await sign_in(terminal)
        await terminal.until("does not cover sftp.read")
    finally:
        await terminal.stop()


async def test_plink_reads_why_it_was_killed(bench):
    terminal = await Terminal.start(*plink(bench))
    try:
        await sign_in(terminal)
        await terminal.until(r"ready\$ ")
        bench.sessions.connections[0].end("Lena Lead ended your session: leaking valve.")
        await terminal.until("leaking valve")
        await terminal.exit(5)
    finally:
        await terminal.stop()


async def test_a_wrong_code_on_plink_ends_after_the_attempts(bench):
    """plink asks again without end: the front must not (ssh-hold.md, section 3)."""
    terminal = await Terminal.start(*plink(bench, "id"))
    try:
        for _ in range(6):
            await terminal.until("Password: ")
            terminal.type("wrong\n")
            await terminal.until("Code: ")
            terminal.type("wrong\n")
        await terminal.until("Too many failed attempts")
        assert await terminal.exit() != 0
    finally:
        await terminal.stop()
    assert bench.identity.password_calls <= 6


async def test_dbclient_runs_a_command(bench):
    terminal = await Terminal.start(
        *dbclient(bench, "echo out$((1+1)); exit 3"), environment={"HOME": str(bench.folder)}
    )
    try:
        await sign_in(terminal)
        await terminal.until("out2")
        assert await terminal.exit() == 3
    finally:
        await terminal.stop()


async def test_dbclient_shows_the_hold_and_opens_on_release(bench):
    bench.sessions.released.clear()
    terminal = await Terminal.start(*dbclient(bench), environment={"HOME": str(bench.folder)})
    try:
        await sign_in(terminal)
        await terminal.until("Waiting for the release")
        bench.sessions.released.set()
        await terminal.until(r"ready\$ ")
        terminal.type("exit\r")
        await terminal.exit()
    finally:
        await terminal.stop()


async def test_dbclient_shows_a_refusal_and_goes(bench):
    terminal = await Terminal.start(*dbclient(bench, "id", login="vera+plc-1"), environment={"HOME": str(bench.folder)})
    try:
        await sign_in(terminal)
        await terminal.until("no grant for plc-1")
        await terminal.exit()
    finally:
        await terminal.stop()


async def test_dbclient_reads_why_it_was_killed(bench):
    terminal = await Terminal.start(*dbclient(bench), environment={"HOME": str(bench.folder)})
    try:
        await sign_in(terminal)
        await terminal.until(r"ready\$ ")
        bench.sessions.connections[0].end("Lena Lead ended your session: leaking valve.")
        await terminal.until("leaking valve")
        await terminal.exit(5)
    finally:
        await terminal.stop()


class Paramiko:
    """One connection in a thread of its own; prompts are answered, texts kept."""

    def __init__(self, bench, login="vera+ews-l4") -> None:
        self.port, self.login, self.key = bench.port, login, str(bench.key)
        self.texts: list[str] = []
        self.shown: Callable[[], object] = lambda: None  # called in the thread for each text

    def answer(self, title, instructions, prompts):
        self.texts.append(instructions)
        self.shown()
        return [PASSWORD if prompt == "Password: " else CODE for prompt, _ in prompts]

    def sign_in(self, *, key: bool) -> paramiko.Transport:
        transport = paramiko.Transport(("127.0.0.1", self.port))
        transport.start_client(timeout=10)
        if key:
            rest = transport.auth_publickey(self.login, paramiko.Ed25519Key.from_private_key_file(self.key))
            if rest:
                transport.auth_interactive(self.login, self.answer)
        else:
            transport.auth_interactive(self.login, self.answer)
        return transport

    def run(self, command: str, *, key: bool, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        transport = self.sign_in(key=key)
        try:
            channel = transport.open_session(timeout=10)
            channel.exec_command(command)
            if stdin:
                threading.Thread(target=lambda: (channel.sendall(stdin), channel.shutdown_write()), daemon=True).start()
            out = channel.makefile("rb").read()
            err = channel.makefile_stderr("rb").read()
            return channel.recv_exit_status(), out, err
        finally:
            transport.close()


@pytest.mark.parametrize("key", [True, False], ids=["key and code", "password and code"])
async def test_paramiko_runs_a_command(bench, key):
    status, out, err = await asyncio.to_thread(Paramiko(bench).run, "echo out; echo err >&2; exit 3", key=key)
    assert (status, out, err) == (3, b"out\n", b"err\n")


async def test_paramiko_moves_bulk_both_ways(bench):
    data = os.urandom(8 << 20)
    status, out, _ = await asyncio.to_thread(Paramiko(bench).run, "cat", key=True, stdin=data)
    assert status == 0
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()


async def test_paramiko_is_shown_the_hold(bench):
    bench.sessions.released.clear()
    client, bell, loop = Paramiko(bench), Bell(), asyncio.get_running_loop()
    client.shown = lambda: loop.call_soon_threadsafe(bell.ring)
    running = asyncio.get_running_loop().create_task(asyncio.to_thread(client.run, "echo in", key=True))
    await bell.until(lambda: any("Waiting for the release" in text for text in client.texts))
    bench.sessions.released.set()
    assert (await running)[1] == b"in\n"


async def test_paramiko_asks_for_the_service_before_each_method_and_gets_it(bench):
    client = Paramiko(bench)

    def twice() -> bytes:
        transport = paramiko.Transport(("127.0.0.1", bench.port))
        transport.start_client(timeout=10)
        try:
            with pytest.raises(paramiko.SSHException):
                transport.auth_password(client.login, PASSWORD, fallback=False)
            transport.auth_interactive(client.login, client.answer)
            channel = transport.open_session(timeout=10)
            channel.exec_command("echo in")
            return channel.makefile("rb").read()
        finally:
            transport.close()

    assert await asyncio.to_thread(twice) == b"in\n"


async def test_paramiko_reads_why_sftp_is_refused(bench):
    def sftp() -> bytes:
        transport = Paramiko(bench).sign_in(key=True)
        try:
            channel = transport.open_session(timeout=10)
            channel.invoke_subsystem("sftp")
            return channel.makefile_stderr("rb").read()
        finally:
            transport.close()

    assert b"does not cover sftp.read" in await asyncio.to_thread(sftp)


async def test_clients_that_have_no_gcm_are_served(bench):
    ran = await run(bench, "plink", "-V")
    assert ran.status == 0
    for arguments in (plink(bench, "echo in$((1+1))"), dbclient(bench, "echo in$((1+1))")):
        terminal = await Terminal.start(*arguments, environment={"HOME": str(bench.folder)})
        try:
            await sign_in(terminal)
            await terminal.until("in2")
            await terminal.exit()
        finally:
            await terminal.stop()
    ciphers = {e["cipher"] for e in await bench.events("ssh.consent.accepted")}
    assert all(c.endswith("-ctr") or "gcm" in c for c in ciphers)
