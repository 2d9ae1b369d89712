"""What people read on the RDP front, in one place. Sentences: what, why, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from gateway.fronts.rdp.pictures import Screen, Tone
from gateway.rdp.error_info import ErrorInfo
from gateway.sessions import texts as sessions
from gateway.sessions.model import EndReason, Hold, Waiting

WHOM: Final = "the owner of the target"
CLOSES: Final = "This window closes by itself in a moment."
AGAIN: Final = "Your session waits two minutes for you to connect again."  # VISIT_GRACE: no release is lost by it

UNAVAILABLE: Final = "The gateway cannot answer now, so the answer is no. Please try again in a minute."
SHUTDOWN: Final = "The gateway is shutting down. Please connect again later."
REPLACED: Final = "You connected again with the same ticket, so this connection gave way to the newer one."

CREDENTIAL: Final = "{target} does not accept the credential that the vault holds for {account}. Call {whom}."
CREDENTIAL_KIND: Final = "The vault holds no password for {account}, and a desktop needs one. Call {whom}."
PROTOCOL: Final = "{target} and the gateway do not agree on a protocol. Call {whom}."
SECURITY: Final = (
    "{target} offers neither TLS nor network level authentication, so the gateway does not enter it. Call {whom}."
)
LICENCE: Final = "{target} wants a licence that the gateway does not have. Call {whom}."
SLOW: Final = f"{{target}} takes too long to open a desktop. Call {{whom}}. {AGAIN}"
BROKEN: Final = f"{{target}} sent what no desktop may send, so the gateway left it. Call {{whom}}. {AGAIN}"
LOST: Final = f"{{target}} closed the connection or has become unreachable. Call {{whom}}. {AGAIN}"
LEFT: Final = f"{{why}} Call {{whom}} if you did not expect that. {AGAIN}"

HEADINGS: Final[Mapping[Waiting, str]] = MappingProxyType(
    {
        Waiting.APPROVAL: "Waiting for approval",
        Waiting.WINDOW: "Too early",
        Waiting.RELEASE: "Waiting for the release",
        Waiting.OBSERVER: "Waiting for somebody to watch",
        Waiting.FACTOR: "A new code is needed",
    }
)
ELSEWHERE: Final = "Continued in another window"
NOT_NOW: Final = "Not now"
ERRORS: Final[Mapping[EndReason, ErrorInfo]] = MappingProxyType(  # for clients that have words of their own
    {
        EndReason.KILLED: ErrorInfo.RPC_INITIATED_DISCONNECT,
        EndReason.REVOKED: ErrorInfo.RPC_INITIATED_DISCONNECT,
        EndReason.ISOLATED: ErrorInfo.RPC_INITIATED_DISCONNECT,
        EndReason.IDLE: ErrorInfo.IDLE_TIMEOUT,
        EndReason.EXPIRED: ErrorInfo.LOGON_TIMEOUT,
    }
)
ENDINGS: Final[Mapping[EndReason, str]] = MappingProxyType(
    {
        EndReason.EXPIRED: "Your time is up",
        EndReason.IDLE: "The session has ended",
        EndReason.TARGET: "The target is gone",
        EndReason.KILLED: "Your session was ended",
        EndReason.REVOKED: "Your access was withdrawn",
        EndReason.ISOLATED: "Remote access is closed",
    }
)


def welcome(target: str) -> Screen:
    """Before anything is known."""
    return Screen(Tone.WAIT, "One moment", ("The gateway looks at your access.",), target)


def hold(target: str, hold: Hold, lasting: timedelta) -> Screen:
    """What it waits for, who was asked, since when, how to leave."""
    words = hold.words.removesuffix(sessions.LEAVE_WINDOW).strip()  # a paragraph of its own
    foot = f"Waiting for {spent(lasting)}. This page changes by itself."
    return Screen(Tone.WAIT, HEADINGS[hold.waiting], (words, sessions.LEAVE_WINDOW), target, foot)


def opening(target: str) -> Screen:
    return Screen(Tone.OPENING, "Opening your session", (f"The gateway connects you to {target}.",), target)


def last(heading: str, words: str, target: str) -> Screen:
    return Screen(Tone.OVER, heading, (words,), target, CLOSES)


def ended(reason: EndReason) -> str:
    return ENDINGS.get(reason, "The session has ended")


def spent(time: timedelta) -> str:
    seconds = max(int(time.total_seconds()), 0)
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"
