"""Between an SFTP client and the target's SFTP server: what passes, what is refused, and what is noted.

Every packet is read; what passes is made anew from what was read, under the proxy's own request ids and handles.
INVARIANT: at most `SFTP_IN_FLIGHT` requests of the client are unanswered; what comes beyond waits unread.
INVARIANT: a request about a file goes only with a handle that is open, and only when the rules of the moment permit it.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import RemoteProtocolError
from gateway.sftp.answering import Answering
from gateway.sftp.content import Content, refuse_duplicate
from gateway.sftp.effects import Effect, Ledger, ToTarget
from gateway.sftp.files import Files
from gateway.sftp.gate import Gate
from gateway.sftp.hold import Spool
from gateway.sftp.line import Line
from gateway.sftp.messages import Init, decode_request
from gateway.sftp.needs import offered
from gateway.sftp.packets import VERSION, Framer, Type
from gateway.sftp.paths import within
from gateway.sftp.responses import decode_response
from gateway.sftp.rules import Rules
from gateway.sftp.serving import Serving


class Proxy:
    """One SFTP channel. Effects are carried out in order.

    Args:
        refusal: the words for a permission (`rules.Permission`) that is missing and the printable path it was for.

    `from_client` and `from_target` raise RemoteProtocolError when a peer broke the protocol: the channel ends. What had
    gathered by then comes from `closed`.
    """

    def __init__(self, rules: Rules, refusal: Callable[[str, str], str]) -> None:
        self._line = Line(rules, refusal)
        self._files = Files()
        self._gate = Gate(self._line)
        self._spool = Spool(self._line, self._files)
        self._content = Content(self._line, self._files, self._spool)
        self._serving = Serving(self._line, self._gate, self._files, self._spool)
        self._answering = Answering(self._line, self._gate, self._files, self._content)
        self._client, self._target = Framer(), Framer()
        self._greeted = self._begun = self._ready = self._over = False

    @property
    def rules(self) -> Rules:
        return self._line.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        """From now on these hold, for what is open too."""
        if rules == self._line.rules:
            return
        self._line.rules = rules
        roots = self._gate.roots
        for file in self._files:
            file.barred = rules.paths is not None and (file.canonical is None or not within(file.canonical, roots))

    @property
    def full(self) -> bool:
        """Too much is under way: read no more from the client until this is False again."""
        return self._line.full or (self._greeted and not self._ready)

    def from_client(self, data: bytes) -> list[Effect]:
        self._client.take(data)
        self._pump()
        return self._effects()

    def from_target(self, data: bytes) -> list[Effect]:
        self._target.take(data)
        while (packet := self._target.next()) is not None:
            if packet[0] == Type.DATA:
                self._content.data(packet)
            elif not self._begun or packet[0] == Type.VERSION:
                self._version(packet)
            else:
                self._answering.take(packet)
        self._pump()
        return self._effects()

    def spooled(self, key: int, words: str = "") -> list[Effect]:
        """The shell did what the `Held…` effect with `key` asked; or could not, and the client reads `words`."""
        self._spool.done(key, words)
        self._pump()
        return self._effects()

    def closed(self) -> list[Effect]:
        """The channel is gone: the entries of every file that is still open, partial. A second call gives nothing."""
        effects = self._effects()
        if not self._over:
            self._over = True
            for file in self._files:
                if not file.directory:
                    effects += map(Ledger, file.entries(closed=False))
        return effects

    # --- within

    def _effects(self) -> list[Effect]:
        effects, self._line.out = self._line.out, []
        return effects

    def _pump(self) -> None:
        """Read the client's requests as far as they may be under way."""
        while not self.full and not self._over and (packet := self._client.next()) is not None:
            kind = packet[0]
            if not self._ready:
                self._init(packet)
            elif kind == Type.READ:
                self._content.read(packet)
            elif kind == Type.WRITE:
                self._content.write(packet)
            else:
                self._request(packet)

    def _request(self, packet: memoryview) -> None:
        message = decode_request(packet)
        if isinstance(message, Init):
            raise RemoteProtocolError("sftp INIT: a second one")
        if not refuse_duplicate(self._line, message.id):
            self._line.clients.add(message.id)
            self._serving.take(message)

    def _init(self, packet: memoryview) -> None:
        message = decode_request(packet)
        if not isinstance(message, Init):
            raise RemoteProtocolError("sftp client: a request before INIT")
        if message.version < VERSION:
            raise RemoteProtocolError(f"sftp INIT: version {message.version}, must be at least {VERSION}")
        self._greeted = True
        self._line.out.append(ToTarget(Init(Type.INIT, VERSION).encode(), {"op": "init", "version": message.version}))

    def _version(self, packet: memoryview) -> None:
        message = decode_response(packet)
        if not isinstance(message, Init) or not self._greeted or self._ready or self._begun:
            raise RemoteProtocolError("sftp target: no VERSION, or one too many")
        if message.version != VERSION:
            raise RemoteProtocolError(f"sftp VERSION: {message.version}, must be {VERSION}")
        self._begun = True

        def ready() -> None:
            self._ready = True
            self._line.reply(Init(Type.VERSION, VERSION, offered(self._line.rules, message.extensions)))

        self._gate.begin(ready)
