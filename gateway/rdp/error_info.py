"""Codes of the Set Error Info PDU ([MS-RDPBCGR] 2.2.5.1.1): what we say with them, and what a target's mean."""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import Final


class ErrorInfo(IntEnum):
    """The codes that the gateway sends or tells apart; a target may send any other."""

    NONE = 0x00000000
    RPC_INITIATED_DISCONNECT = 0x00000001
    RPC_INITIATED_LOGOFF = 0x00000002
    IDLE_TIMEOUT = 0x00000003
    LOGON_TIMEOUT = 0x00000004
    DISCONNECTED_BY_OTHER_CONNECTION = 0x00000005
    OUT_OF_MEMORY = 0x00000006
    SERVER_DENIED_CONNECTION = 0x00000007
    SERVER_INSUFFICIENT_PRIVILEGES = 0x00000009
    SERVER_FRESH_CREDENTIALS_REQUIRED = 0x0000000A
    RPC_INITIATED_DISCONNECT_BY_USER = 0x0000000B
    LOGOFF_BY_USER = 0x0000000C
    CLOSE_STACK_ON_DRIVER_NOT_READY = 0x0000000F
    SERVER_DWM_CRASH = 0x00000010
    CLOSE_STACK_ON_DRIVER_FAILURE = 0x00000011
    CLOSE_STACK_ON_DRIVER_IFACE_FAILURE = 0x00000012
    SERVER_WINLOGON_CRASH = 0x00000017
    SERVER_CSRSS_CRASH = 0x00000018
    SERVER_SHUTDOWN = 0x00000019
    SERVER_REBOOT = 0x0000001A
    LICENSE_INTERNAL = 0x00000100
    LICENSE_NO_LICENSE_SERVER = 0x00000101
    LICENSE_NO_LICENSE = 0x00000102


_LICENSING: Final = range(0x00000100, 0x00000110)
_BROKER: Final = range(0x00000400, 0x00000500)
_PROTOCOL: Final = range(0x000010C9, 0x00001200)

_WORDS: Final = MappingProxyType(
    {
        ErrorInfo.RPC_INITIATED_DISCONNECT: "An administrator of the target disconnected the session.",
        ErrorInfo.RPC_INITIATED_LOGOFF: "An administrator of the target logged the session off.",
        ErrorInfo.IDLE_TIMEOUT: "The session was idle for longer than the target allows.",
        ErrorInfo.LOGON_TIMEOUT: "The session lasted longer than the target allows.",
        ErrorInfo.DISCONNECTED_BY_OTHER_CONNECTION: "Somebody else connected to the same session on the target.",
        ErrorInfo.OUT_OF_MEMORY: "The target is out of memory.",
        ErrorInfo.SERVER_DENIED_CONNECTION: "The target denied the connection.",
        ErrorInfo.SERVER_INSUFFICIENT_PRIVILEGES: "The account may not log on to the target by remote desktop.",
        ErrorInfo.SERVER_FRESH_CREDENTIALS_REQUIRED: "The target does not accept saved credentials.",
        ErrorInfo.RPC_INITIATED_DISCONNECT_BY_USER: "The session was disconnected from within.",
        ErrorInfo.LOGOFF_BY_USER: "The account was logged off on the target.",
        ErrorInfo.CLOSE_STACK_ON_DRIVER_NOT_READY: "The display driver of the target was not ready in time.",
        ErrorInfo.SERVER_DWM_CRASH: "The desktop of the target crashed.",
        ErrorInfo.CLOSE_STACK_ON_DRIVER_FAILURE: "The display driver of the target failed.",
        ErrorInfo.CLOSE_STACK_ON_DRIVER_IFACE_FAILURE: "The display driver of the target failed.",
        ErrorInfo.SERVER_WINLOGON_CRASH: "The log-on process of the target crashed.",
        ErrorInfo.SERVER_CSRSS_CRASH: "A system process of the target crashed.",
        ErrorInfo.SERVER_SHUTDOWN: "The target is shutting down.",
        ErrorInfo.SERVER_REBOOT: "The target is restarting.",
        ErrorInfo.LICENSE_NO_LICENSE_SERVER: "The target found no licence server.",
        ErrorInfo.LICENSE_NO_LICENSE: "The target has no licence left for this connection.",
    }
)


def words(code: int) -> str:
    """A sentence for the person concerned; "" for 0. The number is in it when we have no words of our own."""
    if code == ErrorInfo.NONE:
        return ""
    if known := _WORDS.get(code):  # type: ignore[call-overload]  # an IntEnum equals its number
        return str(known)
    if code in _LICENSING:
        return f"The target refused the connection because of its licences (error {code:#06x})."
    if code in _BROKER:
        return f"The connection broker of the target refused the connection (error {code:#06x})."
    if code in _PROTOCOL:
        return f"The target could not read what the gateway sent (error {code:#06x})."
    return f"The target ended the session with error {code:#06x}."
