"""The DER that CredSSP, SPNEGO and RDCleanPath are written in (X.690), and no more of it.

Tags are one octet (numbers up to 30), lengths are definite and of at most four octets.
Lengths that are longer than they need be are read: several encoders in use write them. What is written here is
always minimal. An element is never larger than `MOST_OCTETS`.
"""

from __future__ import annotations

from gateway.errors import LocalProtocolError, RemoteProtocolError

MOST_OCTETS = 65536  # of one element with its header; the largest of an honest peer is some 4 KiB
DEEPEST_LENGTH = 4  # length octets after the first

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
ENUMERATED = 0x0A
UTF8_STRING = 0x0C
SEQUENCE = 0x30
APPLICATION_0 = 0x60


def context(number: int) -> int:
    """Tag of `[number] EXPLICIT`."""
    return 0xA0 | number


def extent(data: bytes, what: str, most: int = MOST_OCTETS) -> tuple[int, int] | None:
    """Octets of the header and of the whole element that begins `data`; None while the header is incomplete.

    Raises:
        RemoteProtocolError: the length is indefinite, over-long or makes the element larger than `most`.
    """
    if len(data) < 2:
        return None
    if data[0] & 0x1F == 0x1F:
        raise RemoteProtocolError(f"{what}: tag of several octets")
    first = data[1]
    if first < 0x80:
        header, length = 2, first
    else:
        count = first & 0x7F
        if not 1 <= count <= DEEPEST_LENGTH:
            raise RemoteProtocolError(f"{what}: length of {count} octets, must be 1 to {DEEPEST_LENGTH}")
        header = 2 + count
        if len(data) < header:
            return None
        length = int.from_bytes(data[2:header], "big")
    if header + length > most:
        raise RemoteProtocolError(f"{what}: element of {header + length} octets, must be at most {most}")
    return header, header + length


class Elements:
    """The elements that stand one after another in `data`, in order."""

    def __init__(self, data: bytes, what: str, most: int = MOST_OCTETS) -> None:
        self._data, self._what, self._most = data, what, most

    @property
    def left(self) -> int:
        """Octets that are not read yet."""
        return len(self._data)

    def any(self) -> tuple[int, bytes, bytes]:
        """Tag, content and whole encoding of the next element."""
        span = extent(self._data, self._what, self._most)
        if span is None or span[1] > len(self._data):
            raise RemoteProtocolError(f"{self._what}: truncated element")
        header, end = span
        tag, whole, self._data = self._data[0], self._data[:end], self._data[end:]
        return tag, whole[header:], whole

    def take(self, tag: int) -> bytes:
        """Content of the next element, whose tag must be `tag`."""
        found, content, _ = self.any()
        if found != tag:
            raise RemoteProtocolError(f"{self._what}: tag {found:#04x}, must be {tag:#04x}")
        return content

    def maybe(self, tag: int) -> bytes | None:
        """Content of the next element if its tag is `tag`; otherwise nothing is read."""
        if not self._data or self._data[0] != tag:
            return None
        return self.take(tag)

    def inside(self, tag: int) -> Elements:
        """The elements inside the next one."""
        return Elements(self.take(tag), self._what, self._most)

    def end(self) -> None:
        """Refuse octets that are left over."""
        if self._data:
            raise RemoteProtocolError(f"{self._what}: {len(self._data)} octets left over")


def only(tag: int, data: bytes, what: str) -> bytes:
    """Content of the one element that `data` must be."""
    elements = Elements(data, what)
    content = elements.take(tag)
    elements.end()
    return content


def to_integer(content: bytes, what: str) -> int:
    """INTEGER of at most eight octets, two's complement."""
    if not 1 <= len(content) <= 8:
        raise RemoteProtocolError(f"{what}: integer of {len(content)} octets, must be 1 to 8")
    return int.from_bytes(content, "big", signed=True)


def to_text(content: bytes, what: str) -> str:
    """UTF8String."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise RemoteProtocolError(f"{what}: text is not UTF-8") from None


def element(tag: int, *contents: bytes) -> bytes:
    """One element around `contents`."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    if size > DEEPEST_LENGTH:
        raise LocalProtocolError(f"element of {length} octets")
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def integer(value: int) -> bytes:
    """INTEGER, two's complement, minimal."""
    return element(
        INTEGER, value.to_bytes(((value if value >= 0 else ~value).bit_length() // 8) + 1, "big", signed=True)
    )


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return element(OCTET_STRING, value)


def text(value: str) -> bytes:
    """UTF8String."""
    return element(UTF8_STRING, value.encode("utf-8"))


def sequence(*contents: bytes) -> bytes:
    """SEQUENCE."""
    return element(SEQUENCE, *contents)


def explicit(number: int, *contents: bytes) -> bytes:
    """`[number] EXPLICIT`."""
    return element(context(number), *contents)
