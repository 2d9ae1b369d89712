"""A target to try things on: an SSH server with a real shell in a real pty, and files, run by the user who started it.

An unprivileged sshd can log in only the user who runs it, and a demonstration makes no system users (decisions 16).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from asyncio.subprocess import Process
from pathlib import Path

import asyncssh

CHUNK = 32768


class Server(asyncssh.SSHServer):
    """Lets one account in, with one key."""

    def __init__(self, account: str, key: asyncssh.SSHKey) -> None:
        self._account, self._key = account, key

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._account and key == self._key


def prepare(home: Path) -> Path:
    """Make the account's home, and a host key beside it; returns the key's path."""
    home.mkdir(parents=True, exist_ok=True)
    host_key = home.parent / "target_host_key"
    if not host_key.exists():
        host_key.touch(mode=0o600)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(host_key)
    return host_key


class Files(asyncssh.SFTPServer):
    """Says how it ended: OpenSSH's scp takes a server that does not for one that failed."""

    def exit(self) -> None:
        self.channel.exit(0)


async def start(host: str, port: int, *, account: str, key: asyncssh.SSHKey, home: Path) -> asyncssh.SSHAcceptor:
    """Listen; `key` is the public key that opens `account`; shells start in `home`, and SFTP sees nothing else."""
    host_key = prepare(home)

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        environment = _environment(process, account, home)
        if process.term_type:
            await _in_pty(process, environment, home)
        else:
            await _without(process, environment, home)

    return await asyncssh.create_server(
        lambda: Server(account, key), host, port, server_host_keys=[host_key], process_factory=serve,
        encoding=None, line_editor=False, allow_scp=True,
        sftp_factory=lambda channel: Files(channel, chroot=os.fsencode(home)),
    )  # fmt: skip


def _environment(process: asyncssh.SSHServerProcess[bytes], account: str, home: Path) -> dict[str, str]:
    kept = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
    sent = {str(k): str(v) for k, v in process.env.items()}
    own = {"HOME": str(home), "USER": account, "LOGNAME": account, "SHELL": "/bin/bash"}
    if process.term_type:
        own |= {"TERM": process.term_type, "PS1": r"\[\e[1;34m\]engineer@ews-l4\[\e[0m\]:\w\$ "}
    return kept | sent | own


def _argv(process: asyncssh.SSHServerProcess[bytes]) -> list[str]:
    shell = ["/bin/bash", "--noprofile", "--norc"]
    return [*shell, "-c", process.command] if process.command else [*shell, "-i"]


async def _in_pty(process: asyncssh.SSHServerProcess[bytes], environment: dict[str, str], home: Path) -> None:
    master, slave = pty.openpty()
    _resize(master, process.term_size)
    child = await asyncio.create_subprocess_exec(
        *_argv(process), stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=home,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(master, "rb", buffering=0)
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            typing = tasks.create_task(_type(process, master, child))
            tasks.create_task(_show(reader, process.stdout))
            status = await child.wait()
            typing.cancel()
    finally:
        transport.close()
        await _reap(child)
    _exit(process, status)


async def _without(process: asyncssh.SSHServerProcess[bytes], environment: dict[str, str], home: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *_argv(process), env=environment, cwd=home, start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        async with asyncio.TaskGroup() as tasks:
            feeding = tasks.create_task(_feed(process, child))
            shown = [
                tasks.create_task(_show(child.stdout, process.stdout)),
                tasks.create_task(_show(child.stderr, process.stderr)),
            ]
            await asyncio.wait(shown)
            status = await child.wait()
            feeding.cancel()
    finally:
        await _reap(child)
    _exit(process, status)


async def _reap(child: Process) -> None:
    """Whoever hangs up leaves no program behind, nor a pipe that nobody reads to its end."""
    if child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)
    await child.communicate()


async def _feed(process: asyncssh.SSHServerProcess[bytes], child: Process) -> None:
    assert child.stdin is not None
    try:
        while True:
            try:
                data = await process.stdin.read(CHUNK)
            except asyncssh.SignalReceived as sent:
                child.send_signal(getattr(signal, f"SIG{sent.signal}", signal.SIGTERM))
                continue
            except asyncssh.BreakReceived:
                continue
            if not data:
                break
            child.stdin.write(data)
            await child.stdin.drain()
    except (ConnectionError, asyncssh.Error):
        pass
    child.stdin.close()
    await process.channel.wait_closed()
    os.killpg(child.pid, signal.SIGHUP)


async def _type(process: asyncssh.SSHServerProcess[bytes], master: int, child: Process) -> None:
    while True:
        try:
            data = await process.stdin.read(CHUNK)
        except asyncssh.TerminalSizeChanged as change:
            _resize(master, change.term_size)
            continue
        except asyncssh.SignalReceived as sent:
            child.send_signal(getattr(signal, f"SIG{sent.signal}", signal.SIGTERM))
            continue
        except asyncssh.BreakReceived:
            continue
        except (ConnectionError, asyncssh.Error):
            break
        if not data:
            break
        await asyncio.to_thread(os.write, master, data)
    # End of input alone ends no shell; only a channel that is gone does.
    await process.channel.wait_closed()
    os.killpg(child.pid, signal.SIGHUP)


async def _show(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    try:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    except (OSError, asyncssh.Error):
        pass  # EIO: the shell has closed its side of the pty; others: the gateway hung up


def _resize(master: int, size: tuple[int, int, int, int]) -> None:
    columns, rows, width, height = size
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


def _exit(process: asyncssh.SSHServerProcess[bytes], status: int) -> None:
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)
