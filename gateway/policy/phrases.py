"""Obligations, channels and changes of them as people say them who never read a policy file (C94). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from gateway.policy.model import Channel, Obligations, OnRecorderFailure

CHANNELS: Mapping[Channel, str] = MappingProxyType(
    {
        Channel.SHELL: "a shell",
        Channel.EXEC: "single commands",
        Channel.SFTP_READ: "downloading files",
        Channel.SFTP_WRITE: "uploading files",
        Channel.SFTP_DELETE: "deleting files",
        Channel.SFTP_RENAME: "renaming files",
        Channel.SFTP_MKDIR: "making directories",
        Channel.FORWARD: "a connection",
        Channel.DESKTOP: "seeing the desktop",
        Channel.DESKTOP_INPUT: "keyboard and mouse on the desktop",
        Channel.DISPLAY: "setting the size of the desktop",
        Channel.CLIPBOARD_IN: "copying text in",
        Channel.CLIPBOARD_OUT: "copying text out",
        Channel.DRIVE: "drives",
        Channel.PRINTER: "printers",
        Channel.AUDIO_IN: "sound in",
        Channel.AUDIO_OUT: "sound out",
        Channel.USB: "USB devices",
        Channel.SMARTCARD: "smart cards",
    }
)
NAMES_SHOWN: Final = 4  # of a long list; the rest is counted


def channel(name: Channel, service: str = "") -> str:
    """What the channel is for, with the policy's own word: `uploading files (sftp.write)`."""
    what = CHANNELS.get(name, str(name))
    return f"{what} to {service} ({name})" if service else f"{what} ({name})"


def listed(names: Sequence[str], shown: int = NAMES_SHOWN) -> str:
    """`a, b and c`, or `a, b, c, d and 12 more`."""
    if len(names) > shown + 1:
        return f"{', '.join(names[:shown])} and {len(names) - shown} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


def spoken(length: timedelta) -> str:
    """A length of time as one says it: `2 h`, `1 h 30 min`, `45 s`."""
    seconds = int(length.total_seconds())
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def _many(count: int, one: str, more: str) -> str:
    return f"no {one}" if not count else f"{count} {one if count == 1 else more}"


def _yes(when: str, otherwise: str) -> Callable[[Any], str]:
    return lambda value: when if value else otherwise


def _at_most(what: str) -> Callable[[Any], str]:
    return lambda value: f"{what} {spoken(value)} at most"


# How each obligation reads; a field that is new here reads as its name and value.
WORDS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "approvals": lambda n: _many(n, "approval", "approvals"),
        "approver_roles": lambda roles: f"approved by {listed(sorted(roles))}" if roles else "approved by nobody named",
        "release": _yes("the control room switches each session on", "no release by the control room"),
        "observer": _yes("somebody watches all the time", "nobody has to watch"),
        "phishing_resistant": _yes("a phishing-resistant factor is needed", "a code is enough"),
        "freshness": lambda t: f"the code may be {spoken(t)} old",
        "max_session": _at_most("a session of"),
        "max_total": _at_most("with extensions"),
        "release_expires": lambda t: f"an unused release ends after {spoken(t)}",
        "idle": lambda t: f"ends after {spoken(t)} without input",
        "concurrency": lambda n: f"{_many(n, 'session', 'sessions')} at once on the target",
        "connections": lambda n: f"{_many(n, 'connection', 'connections')} in one session",
        "on_recorder_failure": lambda what: (
            "ends when the recorder fails" if what is OnRecorderFailure.END else "pauses while the recorder fails"
        ),
        "file_paths": lambda paths: (
            "files anywhere that the account reaches" if paths is None else f"files below {listed(paths)} only"
        ),
        "file_copy": _yes("a sealed copy of each file is kept", "no copy of files is kept"),
        "file_hold": _yes("uploads wait until somebody else delivers them", "uploads need no delivery"),
    }
)
FIELDS: Final = tuple(f.name for f in fields(Obligations) if f.name != "channels")


def obligation(field: str, value: object) -> str:
    words = WORDS.get(field)
    return f"{field.replace('_', ' ')} {value}" if words is None else words(value)


def obliges(obligations: Obligations) -> list[str]:
    """Every obligation, a phrase each."""
    return [obligation(field, getattr(obligations, field)) for field in FIELDS]


def binding(obligations: Obligations) -> list[str]:
    """Those that somebody has to do something about, and the longest time: what one says first."""
    said = ("approvals", "release", "observer", "phishing_resistant", "file_copy", "file_hold")
    found = [obligation(field, value) for field in said if (value := getattr(obligations, field))]
    if obligations.approver_roles:
        found.insert(1, obligation("approver_roles", obligations.approver_roles))
    if obligations.file_paths is not None:
        found.append(obligation("file_paths", obligations.file_paths))
    return [*found, obligation("max_session", obligations.max_session)]


def changes(old: Obligations, new: Obligations) -> tuple[str, ...]:
    """What differs, a phrase each: `1 approval becomes 2 approvals (stricter)`."""
    joined = replace(old, channels=frozenset()).join(replace(new, channels=frozenset()))
    found = []
    for field in FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            how = _direction(before, after, getattr(joined, field))
            found.append(f"{obligation(field, before)} becomes {obligation(field, after)} ({how})")
    return tuple(found)


def _direction(before: object, after: object, strictest: object) -> str:
    """Joining two obligations gives the strictest: it is the new one, the old one, or stricter than both."""
    if strictest == after:
        return "stricter"
    return "looser" if strictest == before else "other"
