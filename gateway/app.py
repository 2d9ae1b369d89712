"""Composition root: settings in, services and fronts out, one parent for every task."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from gateway.access.service import Access
from gateway.allocator import give_back
from gateway.audit.anchors import Anchors, Ways
from gateway.audit.events.policy import PolicyLoaded
from gateway.audit.events.runtime import GatewayStarted, GatewayStopped
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock, SystemClock
from gateway.config import Settings
from gateway.errors import Invalid, StoreUnavailable
from gateway.floors import assert_floors
from gateway.fronts.api.app import create_app
from gateway.fronts.api.services import Door, Services
from gateway.fronts.api.services import Site as ApiSite
from gateway.fronts.rdp.server import RdpFront, serve_rdp
from gateway.fronts.ssh.server import serve_ssh
from gateway.identity.service import Identity
from gateway.inventory.service import Inventory
from gateway.keys import SiteKeys, host_ca_line, open_keys
from gateway.policy.book import PolicyBook
from gateway.recording.service import Recordings
from gateway.sessions.service import Sessions
from gateway.sessions.south import South
from gateway.sessions.spool import Spools
from gateway.store.db import Store
from gateway.store.migrate import migrate
from gateway.timekeeper import keep_time
from gateway.web import WebServer

AGAIN: Final = 1.0  # seconds until a sweep that failed begins anew
MINUTE: Final = 60.0  # seconds

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that runs, joined."""

    settings: Settings
    keys: SiteKeys
    services: Services
    anchors: Anchors
    folder: Path


def policies(settings: Settings) -> Path:
    """The folder of policies: the site's own, the packaged, or that of a checkout."""
    if settings.policies:
        return Path(settings.policies)
    packaged = Path(__file__).parent / "_policies"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "policies"


def page() -> Path:
    """The folder of the built page: packaged, or that of a checkout."""
    packaged = Path(__file__).parent / "_page"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "web" / "dist"


def rdp_host(settings: Settings) -> str:
    """Where RDP clients connect to; empty for the host that serves the page, whatever name people have for it."""
    rdp = settings.rdp
    return "" if rdp is None or rdp.host == settings.page.host else rdp.host


@asynccontextmanager
async def opened(folder: Path, settings: Settings, clock: Clock | None = None) -> AsyncIterator[Gateway]:
    """The services over the folder's database and keys, without any front. One process at a time.

    Raises:
        Invalid: settings, keys or policies that cannot be meant, or a folder that another process holds.
    """
    assert_floors()
    give_back()
    clock = clock or SystemClock()
    with _held(folder):
        names = (
            *settings.names,
            *dict.fromkeys(listener.host for listener in settings.for_people),
            settings.admin.host,
        )
        keys = open_keys(folder / "keys", clock, names=names, replay=settings.replay_key)
        store = Store(settings.database or f"sqlite+aiosqlite:///{folder}/sluicegate.db")
        try:
            await migrate(store)
            gateway = _joined(folder, settings, keys, store, clock)
            await gateway.services.policy.open(policies(settings))
            yield gateway
        finally:
            await store.close()


def _joined(folder: Path, settings: Settings, keys: SiteKeys, store: Store, clock: Clock) -> Gateway:
    audit = AuditLog(clock, Hub())
    identity = Identity(store, audit, clock, keys.envelope, settings.site)
    inventory = Inventory(store, audit, clock, keys.envelope, keys.ssh_ca)
    policy = PolicyBook(store, audit, clock, identity)
    access = Access(store, audit, clock, policy, identity, inventory, settings.zone_of_people)
    identity.tickets.grants = access
    recordings = Recordings(store, audit, clock, keys, list(settings.recipients), folder / "recordings", settings.site)
    sessions = Sessions(
        store=store, audit=audit, clock=clock, policy=policy, access=access, identity=identity, inventory=inventory,
        recordings=recordings, south=South(settings.south), zone_of_people=settings.zone_of_people,
        node=f"node-{secrets.token_hex(4)}", spools=Spools(folder / "held", keys.envelope),
    )  # fmt: skip
    services = Services(
        store=store, audit=audit, clock=clock, identity=identity, inventory=inventory, policy=policy, access=access,
        sessions=sessions, recordings=recordings, site=ApiSite(
            settings.site, frozenset((*settings.names, settings.page.host, settings.admin.host)), keys.signing,
            settings.ssh.port, page(),
            settings.zone_of_people, rdp_host(settings), host_ca_line(keys.ssh_host_ca),
        ),
    )  # fmt: skip
    ways = Ways(settings.anchors.file, settings.anchors.command, settings.anchors.url)
    return Gateway(settings, keys, services, Anchors(store, audit, settings.site, keys.signing, ways), folder)


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[Gateway]:
    """All fronts and sweeps run while the block does; at its end every session is ended and sealed.

    Raises:
        OSError: an address cannot be listened at, or the certificate cannot be read.
        StoreUnavailable: the store does not answer, so nothing can be begun.
    """
    s, settings = gateway.services, gateway.settings
    await s.sessions.recover()
    await s.access.sweep()  # after a reboot it puts every deadline on the new boot's clock: before anybody comes in
    async with s.store.write() as tx:
        await s.audit.append(
            tx, GatewayStarted(actor=GATEWAY, release=version("sluicegate"), policy_version=s.policy.version)
        )
        await s.audit.append(tx, PolicyLoaded(actor=GATEWAY, version=s.policy.version, rules=tuple(s.policy.rules)))
    tls = (gateway.keys.tls_certificate, gateway.keys.tls_key)
    people = WebServer(create_app(s, Door.PEOPLE), settings.page.host, settings.page.port, *tls)
    admin = WebServer(create_app(s, Door.ADMIN), settings.admin.host, settings.admin.port, *tls)
    async with (
        people,
        admin,
        serve_ssh(
            host=settings.ssh.host, port=settings.ssh.port, host_key=gateway.keys.ssh_host_key,
            host_ca=gateway.keys.ssh_host_ca, sessions=s.sessions, identity=s.identity, audit=s.audit, store=s.store,
            clock=s.clock, banner=settings.banner,
        ),
        _desktops(gateway) as desktops,
    ):  # fmt: skip
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, people, admin, *desktops)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(_kept_going(name, work), name=name) for name, work in _sweeps(gateway)]
            try:
                yield gateway
            finally:
                await s.sessions.stop()
                for task in running:
                    task.cancel()
    await _stopped(gateway)


@asynccontextmanager
async def _desktops(gateway: Gateway) -> AsyncIterator[tuple[RdpFront, ...]]:
    """The RDP front, if the settings name one; pages find their way to it while the block runs."""
    s, rdp = gateway.services, gateway.settings.rdp
    if rdp is None:
        yield ()
        return
    async with serve_rdp(
        host=rdp.host, port=rdp.port, certificate=gateway.keys.tls_certificate, key=gateway.keys.tls_key,
        sessions=s.sessions, tickets=s.identity.tickets, identity=s.identity, audit=s.audit, store=s.store,
        clock=s.clock,
    ) as front:  # fmt: skip
        s.desktops.front = front
        try:
            yield (front,)
        finally:
            s.desktops.front = None


def _sweeps(gateway: Gateway) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
    """What runs beside the fronts, by name."""
    s, every = gateway.services, gateway.settings.anchors.minutes * 60
    return (
        ("sessions", s.sessions.run),
        ("recordings", s.recordings.run),
        ("access", lambda: _each_second(s.access)),
        ("tickets", lambda: _each_minute("tickets", s.identity.tickets.sweep)),
        ("exceptions", lambda: _each_minute("exceptions", s.inventory.sweep_exceptions)),
        ("anchors", lambda: gateway.anchors.run(every)),
        ("time", lambda: keep_time(s.store, s.audit, s.clock)),
    )


async def _kept_going(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` to its end. What it raises is a fault of ours: on record, and it begins anew, for a gateway that
    died of it would take every session along. Rules do not rest on sweeps: each looks at the clock itself."""
    while True:
        try:
            return await work()
        except Exception:  # the boundary: one sweep's fault stays its own
            log.exception("A sweep failed; it begins anew", sweep=name)
        await asyncio.sleep(AGAIN)


async def _stopped(gateway: Gateway) -> None:
    """The last entry and the last checkpoint; a store that is away keeps nobody from stopping."""
    s = gateway.services
    try:
        async with s.store.write() as tx:
            await s.audit.append(tx, GatewayStopped(actor=GATEWAY))
        await gateway.anchors.send()
    except StoreUnavailable as error:
        log.error("Stopped, and the store is not there to note it", why=str(error))


async def run_until_signal(gateway: Gateway, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once people can connect."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(gateway):
        settings = gateway.settings
        rdp = str(settings.rdp) if settings.rdp else "none"
        log.info("Serving", site=settings.site, ssh=str(settings.ssh), rdp=rdp, page=str(settings.page))
        ready()
        await stop.wait()
        log.info("Stopping: ends every session")


def _reload(*servers: WebServer | RdpFront) -> None:
    """SIGHUP: the certificate files have changed."""
    for server in servers:
        try:
            server.reload()
        except OSError as error:  # ssl.SSLError is one
            log.error("Keeps the old certificate: the new one cannot be read", why=str(error))


async def _each_second(access: Access) -> None:
    """Let requests, grants and releases expire in the store. A late sweep opens nothing: each rule looks at the clock
    itself; what only a sweep does, the rebase after a reboot, `serving` awaits before anybody can come in."""
    while True:
        try:
            await access.sweep()
        except StoreUnavailable as error:
            log.warning("Cannot sweep", why=str(error))
        await asyncio.sleep(1)


async def _each_minute(what: str, sweep: Callable[[], Awaitable[None]]) -> None:
    """Take away what opens nothing any more, and say what is over."""
    while True:
        try:
            await sweep()
        except StoreUnavailable as error:
            log.warning("Cannot sweep", what=what, why=str(error))
        await asyncio.sleep(MINUTE)


class _held:  # noqa: N801 - reads as a word in `with`
    """The folder, for this process alone: two gateways on one folder would write one recording twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise Invalid(str(self._folder), "another gateway runs on this folder; stop it first") from None

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
