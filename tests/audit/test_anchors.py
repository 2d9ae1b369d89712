"""Checkpoints leave the box by every way that the site names, and a way that fails is an event."""

import http.server
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import sql
from gateway.audit.anchors import Anchors, Ways
from gateway.audit.events.runtime import GatewayStarted
from gateway.audit.log import AuditLog
from gateway.audit.verify import notes, verify
from gateway.store.db import Store

KEY = Ed25519PrivateKey.generate()


async def start(store: Store, audit: AuditLog, ways: Ways) -> Anchors:
    async with store.write() as tx:
        await audit.append(tx, GatewayStarted(actor="gateway", release="0", policy_version="x"))
    return Anchors(store, audit, "mill", KEY, ways)


async def lines(store: Store) -> tuple[list[str], bytes]:
    async with store.read() as tx:
        return [e.line for e in await sql.read(tx)], (await sql.tree(tx)).root()


async def test_notes_in_a_file_outside_verify_the_log(store: Store, audit: AuditLog, tmp_path: Path) -> None:
    outside = tmp_path / "notes.txt"
    anchors = await start(store, audit, Ways(file=str(outside)))
    await anchors.send()
    await anchors.send()  # nothing new but our own event: no second note
    left = notes(outside.read_text())
    assert [n.size for n in left] == [1]
    assert verify(*await lines(store), left, KEY.public_key()) == []


async def test_a_command_gets_the_note_and_a_failing_one_is_an_event(
    store: Store, audit: AuditLog, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    anchors = await start(store, audit, Ways(command=("/bin/sh", "-c", f"cat > {out}; exit 3")))
    await anchors.send()
    assert notes(out.read_text())[0].size == 1
    async with store.read() as tx:
        failed = (await sql.read(tx))[-1]
    assert failed.name == "audit.checkpoint.failed"
    assert failed.values()["why"] == "AnchorFailed: exit status 3"


async def test_a_url_gets_the_note(store: Store, audit: AuditLog) -> None:
    bodies: list[bytes] = []

    class Witness(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Witness) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        anchors = await start(store, audit, Ways(url=f"http://127.0.0.1:{server.server_port}/"))
        await anchors.send()
        server.shutdown()
    assert notes(bodies[0].decode())[0].size == 1


async def test_an_unreachable_way_is_an_event_and_not_the_end(store: Store, audit: AuditLog, tmp_path: Path) -> None:
    anchors = await start(store, audit, Ways(file=str(tmp_path / "gone" / "notes"), url="http://127.0.0.1:9/"))
    await anchors.send()
    async with store.read() as tx:
        names = [e.name for e in await sql.read(tx)]
    assert names[1:] == ["audit.checkpoint.failed"] * 2
