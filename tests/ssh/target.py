"""A target with a real shell in a real pty, as an asyncssh server on 127.0.0.1; log-in engineer / inner."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
import struct
import termios
from fcntl import ioctl

import asyncssh


class TargetServer(asyncssh.SSHServer):
    logins = 0

    def __init__(self, target: Target) -> None:
        self.target = target

    def connection_made(self, conn) -> None:
        self.target.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.target.passwords.append(password)
        ok = username == "engineer" and password == "inner"
        self.target.logins += ok
        return ok

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key) -> bool:
        return username == "engineer" and key.public_data in self.target.authorised

    def validate_ca_key(self, username: str, key) -> bool:
        return self.target.ca is not None and key.public_data == self.target.ca.public_data


class Target:
    def __init__(self) -> None:
        self.logins = 0
        self.passwords: list[str] = []
        self.connections: list = []
        self.ca = None
        self.authorised: set[bytes] = set()
        self.key = asyncssh.generate_private_key("ssh-ed25519")

    async def start(self, port: int = 0, **options) -> None:
        self.server = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_factory=lambda: TargetServer(self),
            server_host_keys=[self.key],
            process_factory=run,
            encoding=None,
            line_editor=False,
            config=None,
            **options,
        )
        self.port = self.server.get_port()

    async def stop(self) -> None:
        self.server.close()
        for connection in self.connections:
            connection.abort()


async def run(process: asyncssh.SSHServerProcess) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PS1": "ready$ ", "TERM": "dumb"}
    environment |= {k: v for k, v in process.env.items() if k == "LANG" or k.startswith("LC_")}
    command = process.command
    arguments = ["/bin/sh", "-c", command] if command else ["/bin/sh", "-i"]
    with contextlib.suppress(asyncssh.Error, OSError, BrokenPipeError):
        if process.term_type is None:
            await plain(process, arguments, environment)
        else:
            await terminal(process, arguments, environment)


async def plain(process, arguments, environment) -> None:
    child = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment, start_new_session=True,
    )  # fmt: skip

    async def pump_in() -> None:
        with contextlib.suppress(asyncssh.Error, OSError):
            while True:
                try:
                    data = await process.stdin.read(65536)
                except asyncssh.SignalReceived as received:
                    os.killpg(child.pid, getattr(signal, f"SIG{received.signal}"))
                    continue
                except asyncssh.BreakReceived:
                    continue
                if not data:
                    break
                child.stdin.write(data)
                await child.stdin.drain()
            child.stdin.close()

    async def pump(source, sink) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()

    feeding = asyncio.get_running_loop().create_task(pump_in())
    try:
        await asyncio.gather(pump(child.stdout, process.stdout), pump(child.stderr, process.stderr))
        status = await child.wait()
    finally:
        feeding.cancel()
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
        child._transport.close()  # output that nobody will read keeps its pipe open
        await child.wait()
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name[3:], False, "killed")
    else:
        process.exit(status)


async def terminal(process, arguments, environment) -> None:
    ours, theirs = pty.openpty()
    size(ours, process.term_size)
    child = await asyncio.create_subprocess_exec(
        *arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def readable() -> None:
        try:
            data = os.read(ours, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(ours)
            done.set()
            return
        with contextlib.suppress(OSError):
            process.stdout.write(data)

    loop.add_reader(ours, readable)

    async def keys() -> None:
        while True:
            try:
                data = await process.stdin.read(65536)
            except asyncssh.TerminalSizeChanged as changed:
                size(ours, (changed.width, changed.height, 0, 0))
                continue
            except (asyncssh.SignalReceived, asyncssh.BreakReceived):
                continue
            if not data:
                os.write(ours, b"\x04")
                return
            os.write(ours, data)

    typing = asyncio.get_running_loop().create_task(keys())
    try:
        status = await child.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), 1)
    finally:
        typing.cancel()
        loop.remove_reader(ours)
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        os.close(ours)
    process.exit(status if status >= 0 else 128 - status)


def size(descriptor: int, term_size) -> None:
    columns, rows = term_size[:2]
    ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows or 24, columns or 80, 0, 0))
