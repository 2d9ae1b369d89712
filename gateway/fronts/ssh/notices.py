"""How a notice looks on a terminal, and beside a command. Pure.

On a terminal: the window's title, which damages nothing, and the last row, drawn between save and restore of the
cursor, so that a full-screen program loses that row at most (measured with vim, less and tmux). Without a terminal a
line on standard error; standard output belongs to the program on the target, always.
"""

from __future__ import annotations

from typing import Final

from gateway.sessions.model import Notice, NoticeKind
from gateway.words import printable

TITLE_CHARACTERS: Final = 120
TAIL_OCTETS: Final = 256  # how far back an unfinished control sequence may begin

_FINAL: Final = range(0x40, 0x7F)
_STRINGS: Final = frozenset(b"]P^_X")  # OSC DCS PM APC SOS: end with BEL or ST
_COLOUR: Final = {NoticeKind.PAUSED: "30;43", NoticeKind.DISCARDED: "30;43", NoticeKind.ENDED: "97;41"}
_PLAIN_COLOUR: Final = "30;47"


def title(words: str) -> bytes:
    """OSC 2: the window's title."""
    return f"\x1b]2;{_ascii(words)[:TITLE_CHARACTERS]}\x07".encode()


def on_terminal(notice: Notice, columns: int, rows: int) -> bytes:
    """What to write to a terminal of this size; one of unknown size gets a plain line of its own."""
    words = printable(notice.words.replace("\n", " "))
    if columns < 1 or rows < 1:
        return title(words) + f"\r\n[sluicegate] {words}\r\n".encode()
    text = f" {words}"[:columns]
    colour = _COLOUR.get(notice.kind, _PLAIN_COLOUR)
    return title(words) + f"\x1b7\x1b[{rows};1H\x1b[0;{colour}m{text}\x1b[K\x1b[0m\x1b8".encode()


def wiped(rows: int) -> bytes:
    """Takes the last row back; the program repaints it when it is told of a new size."""
    return f"\x1b7\x1b[{rows};1H\x1b[0m\x1b[K\x1b8".encode() if rows > 0 else b""


def on_stderr(words: str) -> bytes:
    """A line beside the output of a command."""
    return f"sluicegate: {printable(words.replace(chr(10), ' '))}\n".encode()


def lasting(notice: Notice) -> bool:
    """Whether the notice stays on the screen until the next one, because what it says goes on."""
    return notice.kind in {NoticeKind.PAUSED, NoticeKind.DISCARDED}


def whole(tail: bytes) -> bool:
    """Whether output that ends in `tail` ends between two characters or control sequences, so that ours may follow."""
    tail = tail[-TAIL_OCTETS:]
    start = tail.rfind(b"\x1b")
    if start >= 0:
        if tail[start + 1 : start + 2] == b"\\":  # ST: whatever it ends is over
            return _characters_whole(tail[start + 2 :])
        rest = tail[start + 1 :]
        if not rest:
            return False
        if rest[0] in _STRINGS:
            return b"\x07" in rest
        if rest[0] == ord("["):
            return any(c in _FINAL for c in rest[1:])
        if 0x20 <= rest[0] <= 0x2F:  # intermediate octets: the sequence goes on
            return any(0x30 <= c <= 0x7E for c in rest[1:])
    return _characters_whole(tail)


def _characters_whole(tail: bytes) -> bool:
    for back in range(1, min(4, len(tail)) + 1):
        octet = tail[-back]
        if octet < 0x80:
            return True
        if octet >= 0xC0:
            return back >= (2 if octet < 0xE0 else 3 if octet < 0xF0 else 4)
    return True


def _ascii(words: str) -> str:
    """Titles carry ASCII: terminals that do not expect UTF-8 there would end the sequence early (C1 controls)."""
    return "".join(c if " " <= c <= "~" else "?" for c in words)
