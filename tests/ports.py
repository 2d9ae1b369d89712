"""Ports for programs that are started later."""

import itertools
import os
import secrets
import socket
from pathlib import Path
from typing import Final

LEAST: Final = 10_000
EPHEMERAL: Final = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
WORKERS: Final = 8  # test processes side by side, each with ports of its own
MANY: Final = (EPHEMERAL - LEAST) // WORKERS
FIRST: Final = LEAST + MANY * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS)
_turns = itertools.count(secrets.randbelow(MANY))


def free_port(host: str = "127.0.0.1") -> int:
    """Nobody listens there now, and no connection or other test will be given it before all others had their turn."""
    for turn in _turns:
        port = FIRST + turn % MANY
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError("the turns never end")
