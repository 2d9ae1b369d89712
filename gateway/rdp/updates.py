"""What a target may draw, on its way to the client: judged, counted for coverage, and for some clients made anew."""

from __future__ import annotations

from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.rdp import acceptor as client_leg
from gateway.rdp import bitmap, fastpath, pointer
from gateway.rdp.coverage import Coverage
from gateway.rdp.fastpath import UpdateCode
from gateway.rdp.share import PduType2, ShareData, UpdateType

POINTERS: Final = frozenset(code for code in UpdateCode if UpdateCode.POINTER_NULL <= code <= UpdateCode.POINTER_NEW)


class Updates:
    """The updates of one share. `exact`: no bitmap that is wider than what is shown of it reaches the client.

    INVARIANT: with `exact`, the client never has an open fragment: what is in fragments waits until it is whole.
    """

    def __init__(self, share_id: int, width: int, height: int, *, exact: bool) -> None:
        self.coverage = Coverage(width, height)
        self._share, self._width, self._height, self._exact = share_id, width, height, exact
        self._assembly = fastpath.Assembly()

    @property
    def open(self) -> bool:
        """The target began an update and did not end it."""
        return self._assembly.open

    @property
    def mid_fragment(self) -> bool:
        """The client has the first part of an update, and not its last."""
        return self._assembly.open and not self._exact

    def slow(self, body: bytes) -> list[bytes]:
        """The body of an Update PDU as PDUs for the client.

        Raises:
            RemoteProtocolError: orders, an unknown type, or a bitmap that cannot be read.
        """
        kind = int.from_bytes(body[:2], "little")
        if kind == UpdateType.BITMAP:
            drawn = self._drawn(body)
            return client_leg.drawing(self._share, (body,)) if drawn is None else drawn
        if kind not in (UpdateType.PALETTE, UpdateType.SYNCHRONIZE) or len(body) < 4:
            raise RemoteProtocolError(f"update of type {kind} was never negotiated")
        return client_leg.drawing(self._share, (body,))

    def pointer(self, body: bytes) -> list[bytes]:
        """The body of a Pointer PDU."""
        pointer.decode_slow(body)
        return [client_leg.to_client(ShareData(self._share, PduType2.POINTER, body).encode(client_leg.SERVER))]

    def fast(self, data: bytes) -> list[bytes]:
        """A whole fast-path PDU: itself, or with `exact` what takes its place.

        Raises:
            RemoteProtocolError: compressed, orders, surface commands, an unknown code, fragments out of order,
                or a bitmap or pointer that cannot be read.
        """
        anew: list[bytes] = []
        for update in fastpath.decode(data):
            if update.code not in fastpath.CARRIED:
                raise RemoteProtocolError(f"fast-path update of code {update.code} was never negotiated")
            if (whole := self._assembly.feed(update)) is None:
                continue
            drawn = self._judged(update.code, whole)
            if self._exact:
                anew += fastpath.fragments(update.code, whole) if drawn is None else drawn
        return anew if self._exact else [data]

    def _judged(self, code: int, whole: bytes) -> list[bytes] | None:
        if code == UpdateCode.BITMAP:
            return self._drawn(whole)
        if code in POINTERS:
            pointer.decode_fast(code, whole)
        return None

    def _drawn(self, update: bytes) -> list[bytes] | None:
        """Counts what a bitmap update paints; PDUs in its place when it has to be made anew, which may be none."""
        heads = bitmap.heads(update)
        for left, top, right, bottom, *_ in heads:
            self.coverage.painted(left, top, right, bottom)
        if not self._exact:
            return None
        exact = bitmap.exact(bitmap.cut(heads, update), self._width, self._height)
        if exact is None:
            return None
        pdus: list[bytes] = []
        for group in bitmap.grouped(exact):
            if len(group) <= bitmap.SLOW_MOST:
                pdus += client_leg.drawing(self._share, (group,))
            else:
                pdus += fastpath.fragments(UpdateCode.BITMAP, group)
        return pdus
