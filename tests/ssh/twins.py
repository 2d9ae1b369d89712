"""In-memory twins of sessions that keep the contract."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

from gateway.clock import ZERO, Deadline, SystemClock
from gateway.errors import RecorderFailed, Refused
from gateway.ids import AccountId, ServiceId, SessionId, TargetId
from gateway.inventory.model import (
    Account,
    Credential,
    CredentialKind,
    CryptoProfile,
    Protocol,
    Service,
    Target,
    TargetClass,
    Tier,
    Zone,
)
from gateway.policy.model import Channel
from gateway.sessions.model import (
    Arrival,
    End,
    EndReason,
    Hold,
    Notice,
    NoticeKind,
    Session,
    SessionState,
    Waiting,
)
from gateway.sessions.rules import declared
from tests.ssh.bell import Bell


class TwinStream:
    def __init__(self, connection: TwinConnection, kind: str, about: dict, terminal) -> None:
        self.connection, self.kind, self.about, self.terminal = connection, kind, about, terminal
        self.out = bytearray()
        self.err = bytearray()
        self.keys = bytearray()
        self.input_octets = self.output_octets = 0
        self.refused = 0  # how often output was not recorded
        self.refused_chunks = 0  # of a forward, how often one was not taken
        self.closed: tuple[int | None, str] | None = None
        self.sizes: list[tuple[int, int]] = []
        self.signals: list[str] = []
        self.notes: list[dict] = []
        self.entries: list = []  # of the ledger

        self.bell = connection.sessions.bell

    @property
    def _broken(self) -> bool:
        return self.connection.failing or self.connection.over

    def _check(self) -> None:
        self.bell.ring()
        if self._broken:
            self.refused += 1
            raise RecorderFailed("disk full")

    def output(self, data):
        self._check()
        self.output_octets += len(data)
        if len(self.out) < 1 << 16:
            self.out += data

    def error(self, data):
        self._check()
        self.err += data

    def typed(self, data):
        if self._broken:
            return False
        if self.connection.paused:
            self.connection.discarded += len(data)
            words = f"Paused: {self.connection.discarded} octets discarded."
            self.connection.on_notice(Notice(NoticeKind.DISCARDED, SystemClock().now(), words))
            return False
        self.keys += data
        return True

    def stdin(self, data):
        self.bell.ring()
        if self._broken or self.connection.paused:
            return False
        self.input_octets += len(data)
        return True

    def carried(self, to_person, to_target):
        self.bell.ring()
        if self._broken or self.connection.paused:
            self.refused_chunks += 1
            return False
        self.output_octets += to_person
        self.input_octets += to_target
        return True

    def asked(self, note):
        return self.stdin(b"")

    def answered(self, note):
        self._check()
        self.notes.append(note)

    def block(self, file, way, offset, length, content=b""):
        if way:
            return self.stdin(b"")
        self._check()
        return True

    def filed(self, entry, spool=None):
        self.entries.append(entry)
        self.bell.ring()

    def signal(self, name):
        self.signals.append(name)
        return not self.connection.paused

    def resize(self, columns, rows):
        self.sizes.append((columns, rows))

    def close(self, status, signal=""):
        self.closed = (status, signal)
        self.bell.ring()


class TwinConnection:
    def __init__(self, sessions: TwinSessions, session: Session, number: int) -> None:
        self.sessions, self.session, self.number = sessions, session, number
        self.obligations = SimpleNamespace(file_paths=None, file_copy=False, file_hold=False)
        self.deadline = Deadline.after(SystemClock().instant(), timedelta(hours=1))
        self.service = Service(
            ServiceId("svc_1"), "ssh", Protocol.SSH, "127.0.0.1", sessions.target_port, sessions.profile
        )
        self.on_notice = self.on_end = self.on_pause = lambda _: None
        self.on_cleared = lambda: None
        self.streams: list[TwinStream] = []
        self.paused = self.over = False
        self.failing = sessions.failing
        self.discarded = 0
        self.closed: list[tuple[EndReason, str]] = []
        self.dialled: list[str] = []
        self.asked: list[tuple[Channel, str]] = []

    async def dial(self, service=""):
        self.sessions.dials += 1
        if self.sessions.unreached is not None:
            raise self.sessions.unreached
        port = self.sessions.services[service] if service else self.sessions.target_port
        sock = socket.socket()
        sock.setblocking(False)
        self.dialled.append(service)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        except OSError:
            sock.close()
            raise
        return sock

    async def credential(self):
        return self.sessions.credential

    async def check_host_key(self, public):
        if self.sessions.host_key and public.split()[:2] != self.sessions.host_key.split()[:2]:
            raise Refused("host_key_changed", "ews-l4 shows another host key than before. Call Omar Owner.")
        self.sessions.host_keys_checked.append(public)

    async def permit(self, channel, service=""):
        if self.over:
            raise Refused("ended", "The session has ended.")
        if self.paused:
            raise Refused("paused", "Lena Lead paused your input.")
        self.asked.append((channel, service))
        if channel not in self.sessions.channels or (service and service not in self.sessions.granted):
            raise Refused("channel", f"Your grant does not cover {channel}. Ask Omar Owner.")

    def declared(self, host, port):
        return declared(self.sessions.target(self.session.target_name), host, port)

    def allowed(self, channel):
        return channel in self.sessions.channels

    def open_stream(self, kind, about, terminal):
        stream = TwinStream(self, kind, about, terminal)
        self.streams.append(stream)
        self.sessions.bell.ring()
        return stream

    async def close(self, reason, words=""):
        if not self.closed:
            self.closed.append((reason, words))
            self.sessions.gone.set()

    # what the control room does
    def pause(self, on: bool) -> None:
        self.paused = on
        self.on_pause(on)
        kind = NoticeKind.PAUSED if on else NoticeKind.RESUMED
        words = "Lena Lead paused your input." if on else "Lena Lead gave your input back."
        self.on_notice(Notice(kind, SystemClock().now(), words))

    def end(self, words: str) -> None:
        self.over = True
        self.on_end(End(EndReason.KILLED, "lena", words))


class TwinVisit:
    def __init__(self, sessions: TwinSessions, arrival: Arrival) -> None:
        self.sessions, self.arrival = sessions, arrival
        self.session = sessions.session_of(arrival)
        self.left = self.entered = False

    @property
    def hold(self):
        if self.sessions.released.is_set():
            return None
        return Hold(Waiting.RELEASE, SystemClock().now(), ("the control room",), "Waiting for the release.")

    async def settled(self, within):
        if self.sessions.denial:
            raise Refused("denied", self.sessions.denial)
        if self.sessions.released.is_set():
            return True
        if within == ZERO:
            return False
        try:
            await asyncio.wait_for(self.sessions.released.wait(), self.sessions.step)
        except TimeoutError:
            return False
        return not self.sessions.denial or await self.settled(within)

    async def enter(self):
        self.entered = True
        connection = TwinConnection(self.sessions, self.session, len(self.sessions.connections) + 1)
        self.sessions.connections.append(connection)
        self.sessions.bell.ring()
        return connection

    async def leave(self):
        self.left = True
        self.sessions.gone.set()


@dataclass
class TwinSessions:
    """One target, `ews-l4`, unless a test adds some; released unless a test clears it.

    Attributes:
        services: tcp services of every target, by name: the port that answers here.
        ports: the ports that those services are declared with; the same unless a test says otherwise.
        granted: those of them that a forward is granted to.
    """

    target_port: int = 0
    credential: Credential = field(default_factory=lambda: Credential("engineer", CredentialKind.PASSWORD, b"inner"))
    channels: set[Channel] = field(default_factory=lambda: {Channel.SHELL, Channel.EXEC})
    profile: CryptoProfile = CryptoProfile.MODERN
    host_key: str = ""
    host_keys_checked: list[str] = field(default_factory=list)
    denial: str = ""
    age: timedelta = ZERO
    step: float = 0.05
    dials: int = 0
    visits: list[TwinVisit] = field(default_factory=list)
    connections: list[TwinConnection] = field(default_factory=list)
    failing: bool = False  # the recorder of whoever enters
    bell: Bell = field(default_factory=Bell)  # rung whenever somebody enters, opens or says anything
    released: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    arrivals: list[Arrival] = field(default_factory=list)
    targets: tuple[str, ...] = ("ews-l4",)
    services: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)
    accounts: tuple[str, ...] = ("engineer",)
    shell: bool = True  # an SSH service; else forwards alone
    unreached: Exception | None = None  # what dialling raises

    def __post_init__(self) -> None:
        self.released.set()

    def target(self, name: str = "ews-l4") -> Target:
        services = [
            Service(ServiceId(f"svc_{n}"), n, Protocol.TCP, "127.0.0.1", self.ports.get(n, port))
            for n, port in self.services.items()
        ]
        if self.shell:
            services.append(Service(ServiceId("svc_1"), "ssh", Protocol.SSH, "127.0.0.1", self.target_port))
        return Target(
            TargetId("tgt_1"), name, name.upper(), Zone("cell-4", "Cell 4", "2"), Tier.T1,
            TargetClass.WORKSTATION, frozenset(), tuple(services),
            tuple(Account(AccountId(f"acc_{n}"), n, CredentialKind.PASSWORD) for n in self.accounts),
        )  # fmt: skip

    async def place(self, person, name):
        return self.target(name) if name in self.targets else None

    async def stream(self) -> TwinStream:
        """The first one of the first who enters."""
        return (await self.bell.until(lambda: self.connections and self.connections[0].streams))[0]

    def session_of(self, arrival: Arrival) -> Session:
        p = arrival.person
        return Session(
            id=SessionId("ses_1"),
            state=SessionState.ACTIVE,
            person=p.id,
            person_name=p.name,
            person_title=p.title,
            organisation=p.organisation.name,
            target=TargetId("tgt_1"),
            target_name=arrival.target,
            account=arrival.account or ("engineer" if self.shell else ""),
            protocol=Protocol.SSH if self.shell else Protocol.TCP,
            source=arrival.source,
            client=arrival.client,
            node="n1",
            created=SystemClock().now(),
        )

    async def freshness(self, person, target, protocol):
        return self.age

    async def arrive(self, arrival):
        self.arrivals.append(arrival)
        if arrival.target not in self.targets:
            raise Refused("no_grant", f"You have no grant for {arrival.target}.")
        if self.denial:
            raise Refused("denied", self.denial)
        visit = TwinVisit(self, arrival)
        self.visits.append(visit)
        return visit

    async def menu(self, person):
        return [
            Line("ews-l4", "Engineering workstation line 4", "ready", "released until 16:00"),
            Line("hist-1", "Historian", "may ask", "ask in the page"),
        ]


@dataclass
class Line:
    target: str
    title: str
    state: str
    words: str
