"""What people read on the SSH front, in one place. Sentences: what, why, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.words import printable

WHOM: Final = "the owner of the target"

UNAVAILABLE: Final = "The gateway cannot answer now, so the answer is no. Try again in a minute."
TOO_SLOW: Final = "Signing in took too long. Connect again."
TOO_MANY_FAILURES: Final = "Too many failed attempts. Wait a moment and connect again."
UNASKED: Final = "Your client answered a question that was not asked."
LOGIN_NAME: Final = "Log in as PERSON+TARGET, or as PERSON alone for a menu; names are in lower case."
FAILED: Final = "That was not right."
STAGE_PASSWORD: Final = "Step 1 of 2: your password."
STAGE_CODE: Final = "Step 2 of 2: the six digits your authenticator shows now."
OPENING: Final = "Opening."

SUBSYSTEM: Final = "The subsystem {name} is not carried by this gateway. Use sftp, a shell or a command instead."
FILES_CLIENT: Final = "What your client sent is no file transfer, so the gateway ended it. Try another client."
FILES_TARGET: Final = f"What the target answered is no file transfer, so the gateway ended it. Call {WHOM}."
FILES_SILENT: Final = f"The target stopped answering, so the gateway ended the transfer. Call {WHOM}."
FILES_GONE: Final = f"The target ended the file transfer by itself. Call {WHOM}."
FILES_UNSUPPORTED: Final = "The gateway does not carry this kind of request. Use plain reads, writes and lists."
FILES_CUT: Final = "The channel ended before all of it was delivered."
FILES_BY_SFTP: Final = "Files of this target pass by SFTP alone. Use sftp, or scp without -O, instead."
FILES_STREAM: Final = "The gateway counts this stream and does not look into it."
FORWARD: Final = (
    "Nothing is forwarded there, only to services of {target} that you were granted: name the service, or the target "
    "and the service's port. Ask for it on the page, under My access."
)
STREAM_LOCAL: Final = "Sockets in the file system are not carried by this gateway."
FORWARDS: Final = "This connection has {most} forwards open already, which is the most it may have."
JUMPS: Final = "This connection leads on to {most} targets already, which is the most it may do."
NESTED: Final = "A connection through the gateway leads to one target. Go to the other with -J and the gateway alone."
AGENT: Final = "Agent forwarding is not carried by this gateway; your keys stay with you."
X11: Final = "X11 forwarding is not carried by this gateway; ask for desktop access to the target instead."
TUNNEL: Final = "Network tunnels are not carried by this gateway."
CHANNELS: Final = "This connection has {most} channels open already, which is the most it may have."
REFUSALS: Final = "Too many requests that this gateway does not carry."
NO_TARGET: Final = "Name the target: log in as {person}+TARGET. `ssh {person}@…` alone shows what you may reach."

AGAIN: Final = "Your session waits two minutes for you to connect again."  # VISIT_GRACE: no release is lost by it
UNREACHABLE: Final = f"{{target}} does not answer. The gateway is fine; call {{whom}}. {AGAIN}"
TARGET_REFUSED: Final = (
    f"{{target}} refuses the connection: its SSH service may be switched off. Call {{whom}}. {AGAIN}"
)
HOST_KEY: Final = "{target} shows another host key than before, so the gateway does not enter it. Call {whom}."
CREDENTIAL: Final = "{target} does not accept the credential that the vault holds for {account}. Call {whom}."
TARGET_PROTOCOL: Final = "{target} and the gateway do not agree on a protocol. Call {whom}."
CHANNEL_REFUSED: Final = "{target} refused to start this. Call {whom}."
TARGET_LOST: Final = f"{{target}} closed the connection or has become unreachable. Call {{whom}}. {AGAIN}"

DROPPED_AHEAD: Final = "{octets} octets typed before the session opened were discarded."
SHUTDOWN: Final = "The gateway is shutting down. Connect again later."


def accounts(target: str, asked: str, names: Sequence[str]) -> str:
    """What somebody reads who logs in at a target, through the gateway, with a name that is no account there."""
    return (
        f"{printable(target)} has no account “{printable(asked)}” here. Name one of {', '.join(names)}: "
        f"ssh -J GATEWAY {names[0]}@{target}"
    )


def file_paths(paths: Sequence[str]) -> str:
    """What somebody reads who leaves the paths that his access covers."""
    where = ", ".join(printable(path) for path in paths) or "no path at all"
    return f"Your access to files covers {where}, and nothing that lies or leads elsewhere. Ask the target's owner."


def still_waiting(lasting: str) -> str:
    """Between the whole story and the next change."""
    return f"Still waiting ({lasting}). Ctrl-C leaves."
