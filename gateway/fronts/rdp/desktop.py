"""One entered connection of a session: what it may, the leg to the target, the stream, and the relay between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.audit.events.rdp import ChannelRefused, TargetFailed
from gateway.errors import Refused
from gateway.fronts.rdp import texts
from gateway.fronts.rdp.leg import Leg
from gateway.fronts.rdp.ports import Connection
from gateway.fronts.rdp.relay import Relay
from gateway.fronts.rdp.setting import Setting
from gateway.limits import FRONT_DETAIL, RDP_CLIPBOARD_OCTETS
from gateway.policy.model import Channel
from gateway.rdp import error_info
from gateway.rdp.acceptor import Acceptor
from gateway.rdp.bridge import Bridge
from gateway.rdp.channel_filter import ChannelFilter, ChannelRules
from gateway.rdp.effects import Arrived
from gateway.rdp.tpkt import Frame
from gateway.sessions.model import Notice
from gateway.words import printable

if TYPE_CHECKING:
    from gateway.fronts.rdp.visitor import Client

STREAM: Final = "desktop"
DISPLAY_CONTROL: Final = "Microsoft::Windows::RDS::DisplayControl"  # [MS-RDPEDISP]: the client sets the size


class Desktop:
    """Attributes:
    error: the target's last Set Error Info code, for the client.
    failed: the target could not be entered.
    """

    def __init__(
        self, setting: Setting, client: Client, acceptor: Acceptor, connection: Connection, arrived: Arrived
    ) -> None:
        self._setting, self._client, self._acceptor = setting, client, acceptor
        self._connection, self._arrived = connection, arrived
        self._leg = Leg(connection, setting.clock)
        self._relay: Relay | None = None
        self._bridge: Bridge | None = None
        self._waiting: list[Notice] = []  # told before there was a desktop to tell it on
        self._cut = False
        self.error, self.failed = 0, False
        connection.on_notice, connection.on_pause, connection.on_viewer = self._notice, self._pause, self._viewer

    async def run(self) -> str:
        """Open it, and relay until the target is gone: the words for the person.

        Raises:
            Refused: it could not be opened.
        """
        await self._connection.permit(Channel.DESKTOP)
        may_type = await self._may(Channel.DESKTOP_INPUT)
        rules = ChannelRules(
            clipboard_in=may_type and await self._may(Channel.CLIPBOARD_IN),
            clipboard_out=await self._may(Channel.CLIPBOARD_OUT),
            clipboard_octets=RDP_CLIPBOARD_OCTETS,
            dynamic=frozenset({DISPLAY_CONTROL}) if await self._may(Channel.DISPLAY) else frozenset(),
        )
        try:
            demanded = await self._leg.open(self._arrived.client, self._arrived.info, rules.names())
        except Refused:
            self.failed = True
            if not self._cut:
                await self._failed(self._leg.why, self._leg.detail)
            raise
        names = {number: name for name, number in self._acceptor.channels}
        bridge = Bridge(self._acceptor, demanded, ChannelFilter(rules, names), exact_tiles=self._client.browser)
        stream = self._connection.open_stream(STREAM, {"view_only": not may_type})
        self._bridge = bridge
        relay = Relay(
            self._client.line, self._leg, self._acceptor, bridge, stream, self._setting.clock,
            deadline=lambda: self._connection.deadline, may_type=may_type, on_refused=self._refused,
        )  # fmt: skip
        for notice in self._waiting:
            relay.notice(notice)
        self._relay = relay
        try:
            await relay.run()
        finally:
            self.cut()
            stream.close()
        self.error = relay.error
        if relay.fault:
            await self._failed("protocol", relay.fault)
        return self._why(relay)

    async def from_client(self, frame: Frame) -> bool:
        """A PDU while the share is the target's. False: the client said good-bye."""
        return self._relay is None or await self._relay.from_client(frame)

    def cut(self) -> None:
        """Nothing passes any more; the acceptor may take its client back."""
        if self._cut:
            return
        self._cut = True
        self._leg.cut()
        if self._relay is not None:
            self._relay.cut()
        if self._bridge is not None:
            self._bridge.ended()

    # --- within

    async def _may(self, channel: Channel) -> bool:
        try:
            await self._connection.permit(channel)
        except Refused:
            return False
        return True

    def _notice(self, notice: Notice) -> None:
        if self._relay is not None:
            self._relay.notice(notice)
        else:
            self._waiting.append(notice)

    def _pause(self, paused: bool) -> None:
        if self._relay is not None:
            self._relay.pause(paused)

    def _viewer(self) -> None:
        if self._relay is not None:
            self._relay.viewer()

    async def _refused(self, name: str) -> None:
        channel = printable(name)[:FRONT_DETAIL]
        session = self._connection.session
        await self._setting.record(
            ChannelRefused(actor=session.person_name, source=self._client.source, session=session.id, channel=channel)
        )

    async def _failed(self, why: str, detail: str) -> None:
        session, detail = self._connection.session, printable(detail)[:FRONT_DETAIL]
        await self._setting.record(
            TargetFailed(actor="target", session=session.id, target=session.target_name, why=why, detail=detail)
        )

    def _why(self, relay: Relay) -> str:
        """What the person reads when the target is gone."""
        target = self._connection.session.target_name
        if relay.fault:
            return texts.BROKEN.format(target=target, whom=texts.WHOM)
        if relay.error:
            return texts.LEFT.format(why=error_info.words(relay.error), whom=texts.WHOM)
        return texts.LOST.format(target=target, whom=texts.WHOM)
