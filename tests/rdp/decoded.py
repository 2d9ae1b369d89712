"""What recorded PDUs paint, by the reference decoders; pointers and overlays apart from the rest are not told."""

from collections.abc import Iterable

from PIL import Image

from gateway.rdp import bitmap, fastpath, mcs, x224
from gateway.rdp.bitmap import Rectangle
from gateway.rdp.share import PduType, PduType2, ShareData, UpdateType, split_control
from gateway.rdp.tpkt import FrameKind, Framer
from gateway.recording.model import Kind, Record

IO_CHANNEL = 1003
BITMAP = UpdateType.BITMAP.to_bytes(2, "little")


def painted(records: Iterable[Record]) -> Image.Image:
    """The desktop after the last of the records."""
    image = Image.new("RGB", (1, 1))
    assembly = fastpath.Assembly()
    for record in records:
        if record.kind == Kind.DESKTOP:
            size = int.from_bytes(record.payload[:2], "big"), int.from_bytes(record.payload[2:4], "big")
            if size != image.size:
                image = Image.new("RGB", size)
        elif record.kind == Kind.PDU:
            for rectangle in _rectangles(record.payload, assembly):
                _paint(image, rectangle)
    return image


def _rectangles(pdu: bytes, assembly: fastpath.Assembly) -> list[Rectangle]:
    (frame,) = Framer().feed(pdu)
    if frame.kind is FrameKind.FAST:
        whole = [(update.code, assembly.feed(update)) for update in fastpath.decode(frame.data)]
        return [
            r for code, data in whole if code == UpdateType.BITMAP and data is not None for r in bitmap.decode(data)
        ]
    told = mcs.decode(x224.data_of(frame))
    if not isinstance(told, mcs.SendDataIndication) or told.channel != IO_CHANNEL:
        return []
    found = [ShareData.decode(c.body) for c in split_control(told.data) if c.kind == PduType.DATA]
    bodies = [data.body for data in found if data.kind == PduType2.UPDATE]
    return [r for body in bodies if body[:2] == BITMAP for r in bitmap.decode(body)]


def _paint(image: Image.Image, one: Rectangle) -> None:
    tile = Image.frombytes("RGB", (one.width, one.height), bitmap.pixels_of(one))
    image.paste(tile.crop((0, 0, one.right - one.left + 1, one.bottom - one.top + 1)), (one.left, one.top))
