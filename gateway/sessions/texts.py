"""Every word that a person at a session's door or in a session reads. Fronts add nothing but line ends.

He may be alone in a hall at 2 a.m.: say what is, what he can do, and nothing that helps an attacker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from gateway.sessions.model import EndReason, MenuState, PauseCause, Waiting
from gateway.words import printable

LEAVE: Final = "To leave, press Ctrl-C or close the connection; nothing is lost by that."
LEAVE_WINDOW: Final = "To leave, close this window; nothing is lost by that."
AGAIN: Final = "Your session waits two minutes for you to connect again."  # VISIT_GRACE: no release is lost by it
TARGET_SILENT: Final = (
    f"The target does not answer. Please call its owner: is it switched on and on the network? {AGAIN}"
)
TARGET_REFUSED: Final = f"The target refuses the connection. Please call its owner: is the service running? {AGAIN}"
TARGET_UNREACHABLE: Final = (
    f"The target cannot be reached from the gateway. Please call the plant's network support. {AGAIN}"
)
UNAVAILABLE: Final = (
    "The gateway cannot check your access at the moment, so it cannot let you in. "
    "Please try again in a minute; if it stays so, call the plant."
)
NO_RECORDING: Final = (
    "This session cannot be recorded at the moment, and nothing runs here without a recording. "
    "Your release is still there. Please call the plant, then try again."
)
STALE: Final = "Your second factor is too old for this target. Please connect again and enter a new code."
STALE_TICKET: Final = (
    "Your second factor is too old for this target. "
    "Please sign in to the gateway's page with a new code and open the desktop from there."
)
TWO_FACTORS: Final = "Two factors are needed: your password or key, and a code."
RESISTANT: Final = "This target asks for a security key that you touch. Please sign in with it."
BUSY: Final = "Somebody else is working on this target now, and only one may. Please try again later or call the owner."
CONSOLE_TAKEN: Final = (
    "Somebody else has the desktop of this target now, and it has only one. Please try again later or call the owner."
)
BLOCKED: Final = "Access is blocked at the moment by the plant. Please call the control room."
STANDING: Final = "Your access to this gateway has ended. Please call your contact at the plant."
CONDUIT: Final = "The way to this target is closed at the moment. Please call the plant."
PAUSED_NOW: Final = "The session is paused. Please wait until the control room resumes it, then try again."
NOT_RUNNING: Final = "The session is not running, so nothing can be opened in it."
NOT_YET: Final = "Something that this session needs has just gone. It waits again."
DISCARDED: Final = "Paused: what you type now is thrown away and will not reach the target later."
DISCARDED_DESKTOP: Final = "Paused: keys and mouse are thrown away now and will not reach the target later."
ACTOR_MAY_NOT: Final = "Only operators and the owner of this target may do that."
AFTER_KILL: Final = "after a session was ended by hand"
OWN_SESSION: Final = "That is your own session; somebody else has to do that."
WATCHER_MAY_NOT: Final = "Only operators, auditors and the owner of this target may watch."


def no_grant(target: str) -> str:
    return (
        f"You have no approved access to “{printable(target)}” now. "
        "Sign in to the gateway's page, choose My access, and ask for it there; then connect again."
    )


def channel(name: str) -> str:
    return f"Your approval does not include “{name}”. Ask for it on the page, under My access."


def forward(service: str, target: str) -> str:
    called = f"“{printable(service)}” of {target}" if service else f"another service of {target} than those named"
    return f"Your approval has no forward to {called}. Ask for it on the page, under My access, naming the service."


NO_ROOM: Final = "The gateway has no room to keep uploads until they are delivered. Tell the control room."
HELD_LONG: Final = "The file is longer than what the gateway keeps until it is delivered. Send it in parts."
HELD: Final = "Kept by the gateway. It reaches the target when an owner or operator has delivered it."
TAKEN_BACK: Final = "Taken back by the person who sent it."
CLEARED: Final = "Goes to the target in the next session of the same approval, or in the one that runs."
NOT_CLEARED: Final = "Nobody has delivered this file, or it was sent under another approval."
SPOOL_CHANGED: Final = "What the gateway kept is not what was sent, so it does not reach the target. Send it again."
UNDER_WAY: Final = "Another connection of this session brings the file to the target already."
NOT_READ: Final = "The gateway cannot read the upload that it kept now. It stays, and goes to the target later."
GRANT_OVER: Final = "The approval under which the file was sent is over. It has to be asked for, and sent, again."
HELD_EXPIRED: Final = "Nobody delivered the file in time, or the approval under which it was sent is over."
OWN_UPLOAD: Final = "You sent this file yourself; somebody else must deliver it."
OWN_SIDE: Final = "You belong to the organisation that sent this file; somebody else must deliver it."
NOT_HELD_HERE: Final = "Uploads to this target wait for somebody else's delivery, and this gateway keeps none."


def file_decided(verdict: str) -> str:
    return f"There is nothing to decide about this file any more: it is {verdict}."


def forwards_only(target: str) -> str:
    return (
        f"{printable(target)} has no shell to log in to: connections are forwarded to its services and nothing else. "
        "Connect with ssh -N -L PORT:SERVICE:PORT, naming a service that you were granted."
    )


def legacy_crypto(target: str, service: str) -> str:
    return (
        f"The {service} service of {printable(target)} speaks only cryptography that is too old, and no exception "
        "allows that now: there is none yet, or its time is over. Nothing was sent to it. Call the plant: its "
        "administrator proposes an exception, and an owner accepts it."
    )


def account(name: str, granted: str) -> str:
    wrong = printable(name)
    return f"Your approval is for the account “{granted}”, not for “{wrong}”. Connect without a name, or ask anew."


def too_many(most: int) -> str:
    return f"This session already has {most} connection{'s' if most != 1 else ''}, which is all it may have."


def opens_later(at: datetime) -> str:
    return f"Your access is approved and opens at {moment(at)}. Please connect again then."


def denied(by: str, reason: str) -> str:
    return f"Your request was denied by {by}: {reason}"


def request_gone(state: str) -> str:
    return f"Your request is {state}, so there is nothing to wait for. You can ask again on the page, under My access."


def hold(
    waiting: Waiting, asked: Sequence[str], since: datetime, opens: datetime | None = None, *, desktop: bool = False
) -> str:
    """What a held person reads: what it waits for, who was asked, since when, how to leave."""
    who = " or ".join(asked) or "the plant"
    match waiting:
        case Waiting.APPROVAL:
            what = f"Your request waits for approval. {_capital(who)} has been asked."
        case Waiting.WINDOW:
            what = f"Your access opens at {moment(opens)}." if opens else "Your access is not open yet."
        case Waiting.RELEASE:
            what = f"Your access is approved. Waiting for {who} to switch this session on."
        case Waiting.OBSERVER:
            what = f"Somebody must watch this session, and nobody does yet. {_capital(who)} has been asked."
        case Waiting.FACTOR:
            what = "A new code is needed."
    leave = LEAVE_WINDOW if desktop else LEAVE
    return f"{what} Waiting since {moment(since)}. Nothing has been sent to the target. {leave}"


def hold_too_long(limit: timedelta) -> str:
    return f"Nobody let this session in within {spoken(limit)}. Please call the control room, then connect again."


def countdown(left: timedelta, until: datetime) -> str:
    return f"This session ends in {spoken(left)}, at {moment(until)}. Please save your work."


def idle_soon(left: timedelta, *, desktop: bool = False) -> str:
    if desktop:
        return f"You have not used keys or mouse for a while. This session ends in {spoken(left)} unless you do."
    return f"You have not typed for a while. This session ends in {spoken(left)} unless you type something."


def paused(cause: PauseCause, actor: str, reason: str, *, desktop: bool = False) -> str:
    match cause:
        case PauseCause.PERSON:
            why = f"{actor} paused your input" + (f": {reason}." if reason else ".")
        case PauseCause.OBSERVER:
            why = "Your input is paused: nobody is watching this session, and somebody must."
        case PauseCause.RECORDER:
            why = "This session is paused: it cannot be recorded at the moment."
    if desktop:
        return f"{why} You still see the screen. Keys and mouse are thrown away now."
    return f"{why} You still see the target's output. What you type now is thrown away."


def resumed(discarded: int, *, desktop: bool = False) -> str:
    if desktop:
        lost = " What they did meanwhile was thrown away." if discarded else ""
        return f"You can use keys and mouse again.{lost}"
    lost = f" {discarded} characters typed meanwhile were thrown away." if discarded else ""
    return f"You can type again.{lost}"


def extended(until: datetime) -> str:
    return f"You have more time: this session now ends at {moment(until)}."


def message(actor: str, words: str) -> str:
    return f"{actor} says: {words}"


def asked_extension(by: timedelta) -> str:
    return f"The control room and the owner have been asked for {spoken(by)} more."


ENDED: Final[Mapping[EndReason, str]] = MappingProxyType(
    {
        EndReason.CLIENT: "You left the session; it is closed.",
        EndReason.LOST: "Your connection was lost and did not come back in time. Please call the control room.",
        EndReason.TARGET: "The target closed the connection.",
        EndReason.EXPIRED: "Your time is up, so the session has ended. You can ask for more on the gateway's page.",
        EndReason.IDLE: "Nothing came from you for too long, so the session has ended.",
        EndReason.REVOKED: "{actor} withdrew your access.{said} Please call the control room.",
        EndReason.KILLED: "{actor} ended your session.{said} Please call the control room.",
        EndReason.ISOLATED: "The plant has closed all remote access.{said} Please call the control room.",
        EndReason.OBSERVER: "Nobody watched this session any more, and somebody must. Please call the control room.",
        EndReason.RECORDER: "The session could no longer be recorded, so it has ended. Please call the plant.",
        EndReason.POLICY: "You may no longer work here.{said} Please call your contact at the plant.",
        EndReason.GATEWAY: "The gateway had to end your session. Please connect again in a minute, or call the plant.",
    }
)


def ended(reason: EndReason, actor: str = "", detail: str = "") -> str:
    """Why it is over, and what he can do now. `actor` is a title or name; `detail` what that person said."""
    return ENDED[reason].format(actor=actor, said=f" Reason given: {detail}." if detail else "")


def menu(state: MenuState, at: datetime | None = None, asked: Sequence[str] = ()) -> str:
    match state:
        case MenuState.READY:
            return f"you can connect now, until {moment(at)}" if at else "you can connect now"
        case MenuState.HOLDS:
            return f"approved; when you connect, it waits for {' or '.join(asked) or 'the control room'}"
        case MenuState.LATER:
            return f"approved; opens at {moment(at)}" if at else "approved for later"
        case MenuState.WAITING:
            return "asked for; not decided yet"
        case MenuState.MAY_ASK:
            return "you may ask for it on the page, under My access"


def moment(at: datetime) -> str:
    """A moment as one reads it out: UTC, to the minute."""
    return f"{at:%H:%M} UTC on {at:%Y-%m-%d}"


def spoken(length: timedelta) -> str:
    """A length of time as one says it: `15 minutes`, `1 minute`, `10 seconds`."""
    seconds = round(length.total_seconds())
    if seconds >= 60:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
