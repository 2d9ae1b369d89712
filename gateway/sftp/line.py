"""What the parts of the proxy share: requests in flight with their ids, the rules, and the effects that gather."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_IN_FLIGHT, SFTP_IN_FLIGHT_OCTETS
from gateway.sftp.effects import Effect, Note, Refusal, ToClient, ToTarget
from gateway.sftp.messages import ByHandle, ByPath, Kind, Query
from gateway.sftp.packets import Status, Type
from gateway.sftp.paths import shown
from gateway.sftp.responses import Response, StatusReply
from gateway.sftp.rules import Permission, Rules

if TYPE_CHECKING:
    from gateway.sftp.files import OpenFile

UNANSWERED: Final = 4 * SFTP_IN_FLIGHT  # a client's requests, and what the proxy asks because of them
IDS: Final = 1 << 32


@dataclass(slots=True, eq=False)
class Asked:
    """A request that the target has not answered.

    Attributes:
        client: the client's request id; None when the proxy asked for itself.
        then: takes the response of the proxy's own request.
        noted: the request has a note, and so has its result.
    """

    kind: Kind
    client: int | None
    file: OpenFile | None = None
    offset: int = 0
    length: int = 0
    path: str = ""
    noted: bool = False
    then: Callable[[Response], None] | None = None


class Line:
    """INVARIANT: `clients` has each id that the client used and that was not answered; no other."""

    def __init__(self, rules: Rules, refusal: Callable[[str, str], str]) -> None:
        self.rules, self._refusal = rules, refusal
        self.out: list[Effect] = []
        self.clients: set[int] = set()
        self.asked: dict[int, Asked] = {}
        self.octets = 0  # of content that requests in flight carry or ask for
        self._last = 0

    @property
    def full(self) -> bool:
        return len(self.clients) >= SFTP_IN_FLIGHT or self.octets >= SFTP_IN_FLIGHT_OCTETS

    # --- towards the target

    def number(self, asked: Asked) -> int:
        """The id under which `asked` goes to the target."""
        if len(self.asked) >= UNANSWERED:
            raise RemoteProtocolError(f"sftp target: {UNANSWERED} requests without an answer")
        own = (self._last + 1) % IDS
        while own in self.asked:
            own = (own + 1) % IDS
        self._last = own
        self.asked[own] = asked
        self.octets += asked.length
        return own

    def forward(self, message: Query, asked: Asked, note: dict[str, object] | None = None) -> None:
        own = self.number(asked)
        if note is not None:
            asked.noted = True
            note["request"] = own
        self.out.append(ToTarget(replace(message, id=own).encode(), note))

    def ask(self, message: ByPath | ByHandle, then: Callable[[Response], None]) -> None:
        """A request of the proxy's own."""
        self.forward(message, Asked(message.kind, None, then=then))

    def answered(self, own: int) -> Asked:
        """What the response with the id `own` answers.

        Raises:
            RemoteProtocolError: nothing.
        """
        asked = self.asked.pop(own, None)
        if asked is None:
            raise RemoteProtocolError(f"sftp target: response to {own}, which was not asked")
        self.octets -= asked.length
        if asked.client is not None:
            self.clients.discard(asked.client)
        return asked

    # --- towards the client

    def reply(self, response: Response, note: Note | None = None) -> None:
        self.out.append(ToClient(response.encode(), note))

    def status(self, client: int, code: int, words: str, note: Note | None = None) -> None:
        """Answer a request here. It is in flight no more."""
        self.clients.discard(client)
        self.out.append(ToClient(StatusReply(client, code, words.encode(errors="replace"), b"en").encode(), note))

    def refuse(self, client: int, kind: Kind, permission: Permission, path: bytes | str, words: str = "") -> str:
        """Answer with a no that goes on record; returns its words."""
        place = shown(path)
        words = words or self._refusal(permission, place)
        code = Status.OP_UNSUPPORTED if permission is Permission.UNSUPPORTED else Status.PERMISSION_DENIED
        self.out.append(Refusal(permission, place, words))
        note = {"op": name(kind), "path": place, "status": "refused", "permission": str(permission), "words": words}
        self.status(client, code, words, note)
        return words


def name(kind: Kind) -> str:
    """An operation as notes call it."""
    return kind.name.lower() if isinstance(kind, Type) else str(kind.value)


def status_name(code: int) -> str:
    """A status as notes call it."""
    try:
        return Status(code).name.lower()
    except ValueError:
        return str(code)
