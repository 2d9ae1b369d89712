"""Real desktops and real RDP clients, in a temporary folder, on free ports and free display numbers.

    async with xrdp_vnc(tmp_path / "a") as target, display(tmp_path / "d") as screen:
        async with xfreerdp(screen, target.host, target.port, target.user, target.password) as client:
            await client.sees(lambda image: share_of(image, target.colour) > 0.5, "the desktop")
            await client.types("hello\\n", at=TERMINAL)
            await target.received("hello\\n")

Everything that was started is gone when the context ends. The programs' logs, and a picture of what a client
showed when it did not show what was waited for, stay in the folder.
"""

from tests.e2e.waiting import eventually
from tests.rdp.peers.clients import Client, rdesktop, xfreerdp, xfreerdp_file
from tests.rdp.peers.pictures import Colour, colour_at, looks_like, share_of
from tests.rdp.peers.probe import Probe, connections_to, probe
from tests.rdp.peers.screens import Display, display, pasted
from tests.rdp.peers.sesman import Sesman, sesman
from tests.rdp.peers.targets import Target, shadow, xrdp_vnc

__all__ = [
    "Client", "Colour", "Display", "Probe", "Sesman", "Target", "colour_at", "connections_to", "display", "eventually",
    "looks_like", "pasted", "probe", "rdesktop", "sesman", "shadow", "share_of", "xfreerdp", "xfreerdp_file",
    "xrdp_vnc",
]  # fmt: skip
