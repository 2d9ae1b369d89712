"""What is asked of the policy and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.identity.model import Person
from gateway.inventory.model import Protocol, Target


class Channel(StrEnum):
    """A channel permission: what may happen inside a session. `in` is towards the target, `out` towards the person."""

    SHELL = "shell"
    EXEC = "exec"
    SFTP_READ = "sftp.read"
    SFTP_WRITE = "sftp.write"
    SFTP_DELETE = "sftp.delete"  # files and empty directories
    SFTP_RENAME = "sftp.rename"
    SFTP_MKDIR = "sftp.mkdir"
    FORWARD = "forward"  # TCP to the named services of the target, and to nothing else (C56)
    DESKTOP = "desktop"  # to see the screen
    DESKTOP_INPUT = "desktop.input"  # keys and mouse; without it the person only watches (C46)
    DISPLAY = "display"  # the person's window sets the size of the screen
    CLIPBOARD_IN = "clipboard.in"
    CLIPBOARD_OUT = "clipboard.out"
    DRIVE = "drive"
    PRINTER = "printer"
    AUDIO_IN = "audio.in"
    AUDIO_OUT = "audio.out"
    USB = "usb"
    SMARTCARD = "smartcard"


# Any of them opens the subsystem and lets the person list; each operation asks for its own.
FILE_CHANNELS: Final = frozenset(
    {Channel.SFTP_READ, Channel.SFTP_WRITE, Channel.SFTP_DELETE, Channel.SFTP_RENAME, Channel.SFTP_MKDIR}
)
# Without which there is nothing to see, and what somebody wants who asks for no channels in particular.
LEAST_CHANNELS: Mapping[Protocol, frozenset[Channel]] = MappingProxyType(
    {
        Protocol.SSH: frozenset({Channel.SHELL}),
        Protocol.RDP: frozenset({Channel.DESKTOP}),
        Protocol.TCP: frozenset({Channel.FORWARD}),
    }
)
USUAL_CHANNELS: Mapping[Protocol, frozenset[Channel]] = MappingProxyType(
    {
        Protocol.SSH: frozenset({Channel.SHELL, Channel.EXEC}),
        Protocol.RDP: frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT, Channel.DISPLAY}),
        Protocol.TCP: frozenset({Channel.FORWARD}),
    }
)


class OnRecorderFailure(StrEnum):
    PAUSE = "pause"
    END = "end"  # the stricter


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a permit demands. Several permits are joined to the strictest: `join`.

    Attributes:
        approvals: how many distinct persons must say yes.
        approver_roles: one approval of each of these roles is among them ("owner" means an owner of the target).
        release: whether the control room must switch each session on.
        observer: whether somebody must watch for the session to run.
        phishing_resistant: whether one factor must be phishing resistant.
        freshness: how old the second factor may be when a session starts.
        max_session: longest duration that may be asked for.
        max_total: with all extensions.
        release_expires: an unused release is void after this.
        idle: without input from the person, the session ends.
        concurrency: sessions at once on the target.
        connections: connections that may join one session.
        file_paths: files below these are reached and no others, none within another, in order; None: no such bound.
        file_copy: whether the content of each file that passes is kept, sealed in the recording.
        file_hold: whether an upload reaches the target only when somebody else has delivered it (C62).
    """

    approvals: int
    approver_roles: frozenset[str]
    release: bool
    observer: bool
    phishing_resistant: bool
    freshness: timedelta
    max_session: timedelta
    max_total: timedelta
    release_expires: timedelta
    idle: timedelta
    concurrency: int
    connections: int
    on_recorder_failure: OnRecorderFailure
    channels: frozenset[Channel]
    file_paths: tuple[str, ...] | None = None
    file_copy: bool = False
    file_hold: bool = False

    def join(self, other: Obligations) -> Obligations:
        """The strictest of both, field by field: most approvals, shortest times, intersection of channels."""
        roles = self.approver_roles | other.approver_roles
        return Obligations(
            approvals=max(self.approvals, other.approvals, len(roles)),  # each role by a person of its own
            approver_roles=roles,
            release=self.release or other.release,
            observer=self.observer or other.observer,
            phishing_resistant=self.phishing_resistant or other.phishing_resistant,
            freshness=min(self.freshness, other.freshness),
            max_session=min(self.max_session, other.max_session),
            max_total=min(self.max_total, other.max_total),
            release_expires=min(self.release_expires, other.release_expires),
            idle=min(self.idle, other.idle),
            concurrency=min(self.concurrency, other.concurrency),
            connections=min(self.connections, other.connections),
            on_recorder_failure=min(self.on_recorder_failure, other.on_recorder_failure),  # "end" < "pause"
            channels=self.channels & other.channels,
            file_paths=_in_both(self.file_paths, other.file_paths),
            file_copy=self.file_copy or other.file_copy,
            file_hold=self.file_hold or other.file_hold,
        )


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Absolute canonical paths, in order, without those that lie within another."""
    least: list[str] = []
    for path in sorted(set(paths), key=lambda p: (p.count("/"), p)):
        if not any(lies_in(path, above) for above in least):
            least.append(path)
    return tuple(sorted(least))


def lies_in(path: str, above: str) -> bool:
    """Whether `path` is `above` or below it; both absolute and canonical."""
    return path == above or path.startswith(above.rstrip("/") + "/")


def _in_both(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    inner = [a for a in one for b in other if lies_in(a, b)] + [b for b in other for a in one if lies_in(b, a)]
    return outermost(inner)


class Action(StrEnum):
    REQUEST = "request"  # may this access be asked for at all
    CONNECT = "connect"  # may this session start now
    CHANNEL = "channel"  # may this channel open now


@dataclass(frozen=True, slots=True)
class Question:
    """May `person` do `action` on the `protocol` service of `target`?

    Attributes:
        channels: those asked for (request), or the one to open (channel).
        factors: names of the factors proven in this sign-in; empty at request time is allowed.
        source: network address of the person.
        services: names of the tcp services that FORWARD is asked for; empty without it.
    """

    action: Action
    person: Person
    target: Target
    protocol: Protocol
    account: str
    channels: frozenset[Channel]
    factors: frozenset[str] = frozenset()
    source: str = ""
    emergency: bool = False
    services: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Allow:
    """Permitted by `rules` (their @id), under `obligations`, by policy set `version` (a short digest)."""

    obligations: Obligations
    rules: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Deny:
    """Not permitted.

    Attributes:
        code: `forbidden` when a rule forbids, `no_permit` when none permits, `policy_error` when it cannot answer.
        rules: the forbidding rules, or those that would have permitted but for `missing`.
        missing: the fact whose absence decided, in words; empty when none was found.
        words: for the person concerned.
    """

    code: str
    words: str
    rules: tuple[str, ...]
    missing: str
    version: str


Decision = Allow | Deny
