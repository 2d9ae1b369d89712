"""A real sshd as the target and as the jump host of the comparison, with keys of its own and an empty home."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

CONFIG = """
ListenAddress {host}
Port {port}
HostKey {folder}/host_key
PidFile {folder}/pid
AuthorizedKeysFile {folder}/authorized
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
MaxStartups 500
MaxSessions 500
LogLevel ERROR
SetEnv HOME={folder}/home
Subsystem sftp {subsystem}
"""


@dataclass(frozen=True)
class Sshd:
    host: str
    port: int
    key: Path
    user: str


@contextmanager
def sshd(folder: Path, host: str, port: int, subsystem: str = "internal-sftp -d {folder}/home") -> Iterator[Sshd]:
    """Run it while the block does; `key` opens the account of whoever runs this. SFTP is `subsystem`."""
    (folder / "home").mkdir(parents=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / "host_key")
    (folder / "host_key").chmod(0o600)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    (folder / "authorized").write_bytes(key.export_public_key())
    subsystem = subsystem.format(folder=folder)
    (folder / "config").write_text(CONFIG.format(folder=folder, host=host, port=port, subsystem=subsystem))
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
                break
        yield Sshd(host, port, folder / "key", os.environ.get("USER", "root"))
    finally:
        process.terminate()
        process.wait()
