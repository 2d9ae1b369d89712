"""Ports for programs that are started later."""

import secrets
import socket
from pathlib import Path
from typing import Final

LEAST: Final = 10_000
EPHEMERAL: Final = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def free_port(host: str = "127.0.0.1") -> int:
    """Nobody listens there now, and no connection of anybody else will be given it meanwhile."""
    while True:
        port = LEAST + secrets.randbelow(EPHEMERAL - LEAST)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
