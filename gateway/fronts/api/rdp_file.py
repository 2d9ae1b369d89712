"""The text of an .rdp file: which host, which user, and everything that leads elsewhere switched off. Pure.

Each setting is named on Microsoft's page "Supported RDP properties"
(https://learn.microsoft.com/azure/virtual-desktop/rdp-properties): connections (`full address`, `username`,
`enablecredsspsupport`, `authentication level`, `autoreconnection enabled`, `gatewayusagemethod`,
`promptcredentialonce`), device redirection (`redirect…`, `…storedirect`, `audiomode`, `audiocapturemode`,
`encode redirected video capture`), display (`dynamic resolution`, `use multimon`, `session bpp`).
A password is not put in: `password 51:b` can be made on the person's own machine alone (DPAPI), and a file is kept.
The gateway does not trust it: what is switched on here by hand is refused all the same.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from gateway.policy.model import Channel

FIXED: Final = (
    "enablecredsspsupport:i:1",  # the ticket is shown by CredSSP
    "authentication level:i:2",  # a certificate that does not fit: ask the person, do not go on silently
    "enablerdsaadauth:i:0",
    "promptcredentialonce:i:1",
    "autoreconnection enabled:i:1",
    "gatewayusagemethod:i:0",  # no RD Gateway: this gateway is reached directly
    "alternate shell:s:",
    "remoteapplicationmode:i:0",
    "audiomode:i:2",  # no sound at all
    "audiocapturemode:i:0",
    "camerastoredirect:s:",
    "devicestoredirect:s:",
    "drivestoredirect:s:",
    "usbdevicestoredirect:s:",
    "redirectcomports:i:0",
    "redirectlocation:i:0",
    "redirectprinters:i:0",
    "redirectsmartcards:i:0",
    "redirectwebauthn:i:0",
    "use multimon:i:0",
    "session bpp:i:32",
)


def text(host: str, port: int, ticket: str, channels: AbstractSet[Channel]) -> str:
    """The file for one ticket. `host` is a name or literal address that the gateway answers to."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    clipboard = bool(channels & {Channel.CLIPBOARD_IN, Channel.CLIPBOARD_OUT})
    lines = (
        f"full address:s:{where}",
        f"username:s:{ticket}",
        f"redirectclipboard:i:{int(clipboard)}",
        f"dynamic resolution:i:{int(Channel.DISPLAY in channels)}",
        *FIXED,
    )
    return "".join(f"{line}\r\n" for line in lines)
