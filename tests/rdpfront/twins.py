"""In-memory twins of tickets and sessions that keep the contract; what a recorder would have is kept as it came."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gateway.clock import ZERO, Deadline, SystemClock
from gateway.errors import Refused
from gateway.identity.model import Bearer, Factor, FactorProof, Organisation, Person, Role
from gateway.ids import ExceptionId, GrantId, OrganisationId, PersonId, ServiceId, SessionId, TargetId
from gateway.inventory.model import (
    LEGACY_CRYPTO,
    Credential,
    CredentialKind,
    CryptoProfile,
    Protocol,
    SecurityException,
    Service,
    Target,
    TargetClass,
    Tier,
    Zone,
)
from gateway.policy.model import Channel
from gateway.rdp.credssp import nt_hash
from gateway.sessions import rules
from gateway.sessions.model import (
    Arrival,
    End,
    EndReason,
    Hold,
    Notice,
    NoticeKind,
    RecorderStalled,
    Session,
    SessionEnded,
    SessionState,
    Waiting,
)

PLANT = Organisation(OrganisationId("org_1"), "acme", "ACME Drives", plant=False)
VERA = Person(PersonId("per_vera"), "vera", "Vera", PLANT, frozenset({Role.VENDOR}))
EWS = Target(
    TargetId("tgt_1"), "ews-l4", "EWS line 4", Zone("line4", "Line 4", "2"), Tier.T1, TargetClass.WORKSTATION,
    frozenset(), (), (),
)  # fmt: skip
TICKET, SECRET = "ab12cd34ef", "s3cret-of-vera"
WORDS = (
    "Your access is approved. Waiting for the control room to switch this session on. "
    "Nothing has been sent to the target. To leave, press Ctrl-C or close the connection; nothing is lost by that."
)
ALL = frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT, Channel.CLIPBOARD_IN, Channel.CLIPBOARD_OUT})


@dataclass
class TwinTickets:
    """One ticket, of vera, for `ews-l4`."""

    secret: str = SECRET
    refusal: Refused | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)
    redeemed: list[tuple[str, str, str]] = field(default_factory=list)

    async def hash_of(self, ticket: str, source: str) -> bytes | None:
        return nt_hash(self.secret) if ticket.lower() == TICKET else None

    async def redeem(self, ticket: str, source: str, client: str) -> Bearer:
        self.redeemed.append((ticket, source, client))
        if self.refusal:
            raise self.refusal
        proof = FactorProof(VERA.id, Factor.PASSWORD, SystemClock().now(), source)
        return Bearer(VERA, "ews-l4", "", GrantId("gra_1"), (proof,))

    async def redeem_web(self, token: str, person: Person, source: str, client: str) -> Bearer:
        if token != f"{TICKET}.{self.secret}" or person != VERA:
            raise Refused("bad_ticket", "This ticket is not valid.")
        return await self.redeem(TICKET, source, client)

    async def failed(self, ticket: str, source: str) -> None:
        self.failures.append((ticket, source))


class TwinIdentity:
    async def logged_in(self, person: Person, door: str, client: str, source: str) -> None: ...


@dataclass
class TwinStream:
    """Keeps what was recorded, in order: (kind, value)."""

    connection: TwinConnection
    about: Mapping[str, object]
    records: list[tuple[str, object]] = field(default_factory=list)
    closed: bool = False
    stirs: int = 0

    def _check(self) -> None:
        if self.connection.over:
            raise SessionEnded("over")
        if self.connection.failing:
            self.connection.pause(on=True)
            raise RecorderStalled("disk full")

    def of(self, kind: str) -> list[object]:
        return [value for k, value in self.records if k == kind]

    def _record(self, kind: str, value: object = None) -> None:
        self._check()
        self.records.append((kind, value))

    def shown(self, *pdus: bytes) -> None:
        self._check()
        self.records += [("pdu", pdu) for pdu in pdus]

    def stirred(self) -> None:
        self.stirs += 1

    def _input(self, kind: str, octets: bytes) -> bool:
        if self.connection.over:
            return False
        if self.connection.paused:
            self.connection.discarded += len(octets)
            return False
        self.records.append((kind, octets))
        return True

    def pressed(self, octets: bytes) -> bool:
        return self._input("keys", octets)

    def pointed(self, octets: bytes) -> bool:
        return self._input("mouse", octets)

    def clipboard(self, direction: str, text: str) -> bool:
        self._record("clipboard", (direction, text))
        return True

    def desktop(self, width: int, height: int) -> None:
        self._record("desktop", (width, height))

    def repaint(self) -> None:
        self._record("repaint")

    def repainted(self) -> None:
        self._record("picture")

    def close(self, status: int | None = None, signal: str = "") -> None:
        self.closed = True


class TwinConnection:
    on_notice: Callable[[Notice], None]
    on_pause: Callable[[bool], None]
    on_viewer: Callable[[], None]
    on_end: Callable[[End], None]

    def __init__(self, sessions: TwinSessions, session: Session, number: int) -> None:
        self.sessions, self.session, self.number = sessions, session, number
        self.deadline = Deadline.after(SystemClock().instant(), timedelta(hours=1))
        host, port = sessions.target
        self.service = Service(ServiceId("svc_1"), "rdp", Protocol.RDP, host, port, sessions.profile)
        self.on_notice = self.on_end = self.on_pause = lambda _: None
        self.on_viewer = lambda: None
        self.streams: list[TwinStream] = []
        self.sockets: list[socket.socket] = []
        self.paused = self.failing = self.over = False
        self.discarded = 0
        self.closed: list[tuple[EndReason, str]] = []

    def profile(self) -> CryptoProfile:
        target = replace(EWS, services=(self.service,), exceptions=self.sessions.exceptions)
        return rules.profile(target, self.service, SystemClock().now())

    async def dial(self) -> socket.socket:
        self.sessions.dials += 1
        sock = socket.socket()
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, self.sessions.target)
        except OSError:
            sock.close()
            raise Refused("target_refused", "The target refuses the connection.") from None
        return sock

    async def credential(self) -> Credential:
        return self.sessions.credential

    async def check_certificate(self, der: bytes) -> None:
        self.sessions.certificates.append(der)
        if self.sessions.certificate_refusal:
            raise self.sessions.certificate_refusal

    async def check_public_key(self, info: bytes) -> None:
        await self.check_certificate(info)

    async def permit(self, channel: Channel) -> None:
        if channel not in self.sessions.channels:
            raise Refused("channel", f"Your approval does not include {channel}.")

    def open_stream(self, kind: str, about: Mapping[str, object]) -> TwinStream:
        assert kind == "desktop"
        self.streams.append(TwinStream(self, about))
        return self.streams[-1]

    async def close(self, reason: EndReason, words: str = "") -> None:
        if not self.closed:
            self.closed.append((reason, words))

    # what the control room does
    def pause(self, *, on: bool) -> None:
        if on == self.paused:
            return
        self.paused = on
        words = "Lena paused your input: valve 3." if on else "You can type again."
        notice = Notice(NoticeKind.PAUSED if on else NoticeKind.RESUMED, SystemClock().now(), words)
        self.on_pause(on)
        self.on_notice(notice)

    def tell(self, kind: NoticeKind, words: str) -> None:
        self.on_notice(Notice(kind, SystemClock().now(), words))

    def end(self, words: str, reason: EndReason = EndReason.KILLED) -> None:
        self.over = True
        self.on_end(End(reason, "lena", words))


class TwinVisit:
    def __init__(self, sessions: TwinSessions, arrival: Arrival) -> None:
        self.sessions, self.arrival = sessions, arrival
        self.session = sessions.session_of(arrival)
        self.left = False
        self.beside = [c for c in sessions.connections if not c.closed]  # connections that stood when it came

    @property
    def hold(self) -> Hold | None:
        if self.sessions.released.is_set():
            return None
        return Hold(Waiting.RELEASE, SystemClock().now(), ("the control room",), self.sessions.hold_words)

    async def settled(self, within: timedelta) -> bool:
        if self.sessions.denial:
            raise Refused("denied", self.sessions.denial)
        if within > ZERO and not self.sessions.released.is_set():
            try:
                async with asyncio.timeout(self.sessions.step):
                    await self.sessions.released.wait()
            except TimeoutError:
                return False
        return self.sessions.released.is_set()

    async def enter(self) -> TwinConnection:
        connection = TwinConnection(self.sessions, self.session, len(self.sessions.connections) + 1)
        self.sessions.connections.append(connection)
        return connection

    async def leave(self) -> None:
        self.left = True


def excepted(lasting: timedelta = timedelta(hours=1)) -> SecurityException:
    """An exception for old cryptography that an owner accepted yesterday."""
    now = SystemClock().now()
    yesterday = now - timedelta(days=1)
    return SecurityException(
        id=ExceptionId("exc_1"), target=EWS.id, kind=LEGACY_CRYPTO, reason="Windows 2000", compensation="A cable",
        proposed_by=PersonId("per_sam"), proposed=yesterday, expires=now + lasting, accepted_by=PersonId("per_omar"),
        accepted=yesterday,
    )  # fmt: skip


@dataclass
class TwinSessions:
    """One target, `ews-l4`; it holds until a test releases it."""

    target: tuple[str, int] = ("127.0.0.4", 1)
    credential: Credential = field(default_factory=lambda: Credential("engineer", CredentialKind.PASSWORD, b"inner"))
    profile: CryptoProfile = CryptoProfile.MODERN
    exceptions: tuple[SecurityException, ...] = ()
    channels: frozenset[Channel] = ALL
    certificate_refusal: Refused | None = None
    certificates: list[bytes] = field(default_factory=list)
    denial: str = ""
    hold_words: str = WORDS
    step: float = 0.2
    dials: int = 0
    visits: list[TwinVisit] = field(default_factory=list)
    connections: list[TwinConnection] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def session_of(self, arrival: Arrival) -> Session:
        return Session(
            SessionId("ses_1"), SessionState.HOLDING, arrival.person.id, arrival.person.name, "Vera", "ACME Drives",
            TargetId("tgt_1"), arrival.target, "engineer", Protocol.RDP, arrival.source, arrival.client, "node",
            SystemClock().now(),
        )  # fmt: skip

    async def arrive(self, arrival: Arrival) -> TwinVisit:
        self.visits.append(TwinVisit(self, arrival))
        return self.visits[-1]
