"""What the gateway asks of a target on behalf of a client: the client's settings, less what is not carried.

Whatever is not on a list here is not asked for: a flag that a later revision of [MS-RDPBCGR] defines stays off until
somebody has read what it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from gateway.rdp.client_info import ClientInfo, InfoFlag
from gateway.rdp.gcc import ClientBlocks, ClusterClient, EarlyCapability, NetworkClient, SecurityClient, StaticChannel
from gateway.rdp.x224 import Security

VERSION_5: Final = 0x00080004  # RDP 5.0; an older client core has no room for what a target needs to know
COLORS: Final = 24  # highColorDepth; with WANT_32BPP it means 32
DEPTHS: Final = 0x000F  # supportedColorDepths: 24, 16, 15, 32 bpp
CHANNEL_COMPRESSION: Final = 0x00C00000  # CHANNEL_OPTION_COMPRESS_RDP | CHANNEL_OPTION_COMPRESS
CLUSTER_VERSION: Final = 0x3C  # ServerSessionRedirectionVersionMask
DYNAMIC: Final = "drdynvc"
SOUND: Final = "rdpsnd"

EARLY_KEPT: Final = (
    EarlyCapability.STATUSINFO_PDU
    | EarlyCapability.STRONG_ASYMMETRIC_KEYS
    | EarlyCapability.VALID_CONNECTION_TYPE
    | EarlyCapability.DYNAMIC_TIME_ZONE
)
INFO_SET: Final = (
    # The first four are what xrdp takes as the sign that it reads the right octets.
    InfoFlag.MOUSE
    | InfoFlag.DISABLECTRLALTDEL
    | InfoFlag.UNICODE
    | InfoFlag.MAXIMIZESHELL
    | InfoFlag.AUTOLOGON
    | InfoFlag.LOGONNOTIFY
)
INFO_KEPT: Final = (
    InfoFlag.ENABLEWINDOWSKEY
    | InfoFlag.LOGONERRORS
    | InfoFlag.MOUSE_HAS_WHEEL
    | InfoFlag.NOAUDIOPLAYBACK
    | InfoFlag.VIDEO_DISABLE
)


@dataclass(frozen=True, slots=True)
class TargetLogon:
    """The account that the gateway logs on with, which the client never learns."""

    user: str
    domain: str
    password: str = field(repr=False)


def blocks(client: ClientBlocks, selected: Security, channels: frozenset[str], methods: int = 0) -> ClientBlocks:
    """The settings of MCS Connect Initial ([MS-RDPBCGR] 2.2.1.3).

    `selected` is what the target chose in X.224. `channels` are names in lower case; of two channels with one name
    the first counts. Monitors, message channel and multitransport are left out, and no redirection is asked for.
    SetErrorInfo is always asked for: the gateway wants to know why a target refuses. `methods` are those of standard
    RDP security, if the target chose that.
    """
    early = client.core.early & EARLY_KEPT | EarlyCapability.WANT_32BPP | EarlyCapability.ERRINFO_PDU
    core = client.core.asking(colors=COLORS, depths=DEPTHS, early=early, selected=selected)
    kept: dict[str, StaticChannel] = {}
    for channel in client.network.channels:
        if (name := channel.name.lower()) in channels and name not in kept:
            kept[name] = replace(channel, options=channel.options & ~CHANNEL_COMPRESSION)
    cluster = client.cluster and ClusterClient(client.cluster.flags & CLUSTER_VERSION)
    return ClientBlocks(
        replace(core, version=max(core.version, VERSION_5)),
        SecurityClient(methods),
        network=NetworkClient(tuple(kept.values())),
        cluster=cluster,
    )


def info(client: ClientInfo, logon: TargetLogon, channels: frozenset[str]) -> ClientInfo:
    """The Client Info PDU ([MS-RDPBCGR] 2.2.1.11): the account of the grant, no shell, no compression, no cookie.

    Raises:
        RemoteProtocolError: the client's extended information is torn.
    """
    flags = client.flags & INFO_KEPT | INFO_SET
    if SOUND not in channels:
        flags |= InfoFlag.NOAUDIOPLAYBACK
    if DYNAMIC in channels:
        flags |= client.flags & InfoFlag.AUDIOCAPTURE  # the channel itself is another question, asked later
    return replace(
        client.without_reconnect_cookie(),
        flags=flags,
        domain=logon.domain,
        user=logon.user,
        password=logon.password,
        shell="",
        folder="",
    )
