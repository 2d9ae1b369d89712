"""Many idle recorded sessions at one gateway: what one of them takes, and how fast a kill is with them there."""

import asyncio
import time
from pathlib import Path
from statistics import median

import asyncssh

from gateway.limits import SEGMENT_AGE
from tests.bench.ssh import CIPHER, KEX, PEOPLE, Gateway

AT_ONCE = 8
SETTLE = SEGMENT_AGE.total_seconds() + 3  # the recorder's compressors go with their segments


class Visitor(asyncssh.SSHClientSession[bytes]):
    """One session of a client that goes as `ssh` does when its channel is closed; notes when that was."""

    def __init__(self, conn: asyncssh.SSHClientConnection) -> None:
        self._conn = conn
        self.prompt, self.over = asyncio.Event(), asyncio.Event()
        self.gone = 0.0

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.prompt.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = time.monotonic()
        self._conn.abort()
        self.over.set()


async def visit(gate: Gateway, vera: Path, n: int, limit: asyncio.Semaphore) -> Visitor:
    async with limit:
        conn = await asyncssh.connect(
            PEOPLE, gate.port, username=f"vera+t{n}", client_keys=[str(vera)], known_hosts=None, config=None,
            encryption_algs=[CIPHER], kex_algs=[KEX], kbdint_auth=False, password_auth=False, agent_path=None,
        )  # fmt: skip
        visitor = Visitor(conn)
        await conn.create_session(lambda: visitor, term_type="xterm", term_size=(80, 24), encoding=None)
        await visitor.prompt.wait()
        return visitor


async def idle_and_kill(gate: Gateway, vera: Path, first: int, sessions: int) -> dict[str, float]:
    """PSS for each idle recorded session with a shell in a pty; a kill of single ones, then of the rest at once."""
    gate.ask("live")
    gate.ask("kill all")
    gate.ask(f"arm {first} {sessions}")
    await asyncio.sleep(SETTLE)
    before, limit = gate.ask("use"), asyncio.Semaphore(AT_ONCE)
    visitors = await asyncio.gather(*(visit(gate, vera, n, limit) for n in range(first, first + sessions)))
    opened = gate.ask("use")
    await asyncio.sleep(SETTLE)
    idle = gate.ask("use")
    found = {
        "sessions": sessions,
        "live": gate.ask("live")["live"],
        "kib_at_first": (opened["pss_kib"] - before["pss_kib"]) / sessions,
        "kib": (idle["pss_kib"] - before["pss_kib"]) / sessions,
        "cpu_idle": (idle["cpu"] - opened["cpu"]) / SETTLE,
    }
    alone, singles = [], min(10, sessions // 4)
    for n in range(singles):
        taken, _ = await killed(gate, f"kill t{first + n}", visitors[n : n + 1])
        alone += taken
    found["kill_one"] = median(alone)
    gate.ask("live")
    rest, answer = await killed(gate, "kill all", visitors[singles:])
    written = answer["returned"] - answer["began"]
    return found | {
        "kill_median": median(rest), "kill_last": max(rest), "kill_written": written, "kill_late": answer["late"],
    }  # fmt: skip


async def killed(gate: Gateway, order: str, visitors: list[Visitor]) -> tuple[list[float], dict[str, float]]:
    """Seconds from the operator's decision until each client was told the end and its channel closed."""
    gate.tell(order)
    async with asyncio.timeout(60):
        for visitor in visitors:
            await visitor.over.wait()
    answer = {name: float(value) for name, value in (await asyncio.to_thread(gate.answer)).items()}
    return [visitor.gone - answer["began"] for visitor in visitors], answer
