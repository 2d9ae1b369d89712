"""Octets of the specification's annotated dumps ([MS-RDPBCGR] section 4.1), and what they say.

Dumps under RDP's own encryption are of no use here: the ones kept are those that travel in the clear.
"""

from gateway.rdp.client_info import ClientInfo, InfoFlag
from gateway.rdp.gcc import (
    ClientBlocks,
    ClusterClient,
    ClusterFlag,
    CoreClient,
    NetworkClient,
    SecurityClient,
    StaticChannel,
)  # fmt: skip
from gateway.rdp.tpkt import Frame, FrameKind


def frame(data: bytes) -> Frame:
    """A TPKT as the framer gives it."""
    return Frame(FrameKind.SLOW, data)


# 4.1.1 Client X.224 Connection Request PDU
CONNECTION_REQUEST = bytes.fromhex("""
    03 00 00 2c 27 e0 00 00 00 00 00 43 6f 6f 6b 69 65 3a 20 6d 73 74 73 68 61 73 68 3d 65 6c 74 6f
    6e 73 0d 0a 01 00 08 00 00 00 00 00
""")
# 4.1.2 Server X.224 Connection Confirm PDU
CONNECTION_CONFIRM = bytes.fromhex("03 00 00 13 0e d0 00 00 12 34 00 02 00 08 00 00 00 00 00")

# 4.1.3 Client MCS Connect Initial PDU with GCC Conference Create Request
CONNECT_INITIAL = bytes.fromhex("""
    03 00 01 a0 02 f0 80 7f 65 82 01 94 04 01 01 04 01 01 01 01 ff 30 19 02 01 22 02 01 02 02 01 00
    02 01 01 02 01 00 02 01 01 02 02 ff ff 02 01 02 30 19 02 01 01 02 01 01 02 01 01 02 01 01 02 01
    00 02 01 01 02 02 04 20 02 01 02 30 1c 02 02 ff ff 02 02 fc 17 02 02 ff ff 02 01 01 02 01 00 02
    01 01 02 02 ff ff 02 01 02 04 82 01 33 00 05 00 14 7c 00 01 81 2a 00 08 00 10 00 01 c0 00 44 75
    63 61 81 1c 01 c0 d8 00 04 00 08 00 00 05 00 04 01 ca 03 aa 09 04 00 00 ce 0e 00 00 45 00 4c 00
    54 00 4f 00 4e 00 53 00 2d 00 44 00 45 00 56 00 32 00 00 00 00 00 00 00 00 00 00 00 04 00 00 00
    00 00 00 00 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 01 ca 01 00 00 00 00 00 18 00 07 00 01 00 36 00 39 00 37 00 31 00 32 00
    2d 00 37 00 38 00 33 00 2d 00 30 00 33 00 35 00 37 00 39 00 37 00 34 00 2d 00 34 00 32 00 37 00
    31 00 34 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 c0 0c 00
    0d 00 00 00 00 00 00 00 02 c0 0c 00 1b 00 00 00 00 00 00 00 03 c0 2c 00 03 00 00 00 72 64 70 64
    72 00 00 00 00 00 80 80 63 6c 69 70 72 64 72 00 00 00 a0 c0 72 64 70 73 6e 64 00 00 00 00 00 c0
""")
CORE = CoreClient(
    version=0x00080004, width=1280, height=1024, color_depth=0xCA01, sas_sequence=0xAA03, keyboard_layout=0x409,
    build=3790, name="ELTONS-DEV2".encode("utf-16-le").ljust(32, b"\x00"), keyboard_type=4, keyboard_subtype=0,
    function_keys=12, ime=bytes(64),
    tail=bytes.fromhex("01ca 0100 00000000 1800 0700 0100")
    + "69712-783-0357974-42714".encode("utf-16-le").ljust(64, b"\x00") + bytes(6),
)  # fmt: skip
CLIENT = ClientBlocks(
    CORE,
    SecurityClient(0x1B, 0),
    NetworkClient(
        (
            StaticChannel("rdpdr", 0x80800000),
            StaticChannel("cliprdr", 0xC0A00000),
            StaticChannel("rdpsnd", 0xC0000000),
        )
    ),
    ClusterClient(ClusterFlag(0x0D), 0),
)
ALL_CHANNELS = frozenset({"rdpdr", "cliprdr", "rdpsnd"})

# 4.1.4 Server MCS Connect Response PDU: its head; under RDP encryption a random and a certificate follow, zero here
CONNECT_RESPONSE = bytes.fromhex("""
    03 00 01 51 02 f0 80 7f 66 82 01 45 0a 01 00 02 01 00 30 1a 02 01 22 02 01 03 02 01 00 02 01 01
    02 01 00 02 01 01 02 03 00 ff f8 02 01 02 04 82 01 1f 00 05 00 14 7c 00 01 2a 14 76 0a 01 01 00
    01 c0 00 4d 63 44 6e 81 08 01 0c 0c 00 04 00 08 00 00 00 00 00 03 0c 10 00 eb 03 03 00 ec 03 ed
    03 ee 03 00 00 02 0c ec 00 02 00 00 00 02 00 00 00 20 00 00 00 b8 00 00 00
""") + bytes(0x20 + 0xB8)
# 4.1.5, 4.1.6, 4.1.7, 4.1.8
ERECT_DOMAIN = bytes.fromhex("03 00 00 0c 02 f0 80 04 01 00 01 00")
ATTACH_USER_REQUEST = bytes.fromhex("03 00 00 08 02 f0 80 28")
ATTACH_USER_CONFIRM = bytes.fromhex("03 00 00 0b 02 f0 80 2e 00 00 06")
JOIN_REQUEST = bytes.fromhex("03 00 00 0c 02 f0 80 38 00 06 03 ef")
JOIN_CONFIRM = bytes.fromhex("03 00 00 0f 02 f0 80 3e 00 00 06 03 ef 03 ef")
# 4.1.11 Server License Error PDU - Valid Client, decrypted, behind the header that it has without encryption
VALID_CLIENT = bytes.fromhex("80 00 00 00 ff 03 10 00 07 00 00 00 02 00 00 00 04 00 00 00")
# 4.1.11, still encrypted, in its Send Data Indication
SEND_DATA = bytes.fromhex("""
    03 00 00 2a 02 f0 80 68 00 01 03 eb 70 1c 88 02 02 03 8d 43 9a ab d5 2a 31 39 62 4d c1 ec 0d 99
    88 e6 da ab 2c 02 72 4d 49 90
""")
# 4.2.2: MCS Disconnect Provider Ultimatum, rn-user-requested
DISCONNECT = bytes.fromhex("03 00 00 09 02 f0 80 21 80")

ADDRESS, FOLDER = "157.59.242.156\0".encode("utf-16-le"), "C:\\tools\\mstscax.dll\0".encode("utf-16-le")
BEFORE_COOKIE = (
    b"\x02\x00" + len(ADDRESS).to_bytes(2, "little") + ADDRESS + len(FOLDER).to_bytes(2, "little") + FOLDER
    + bytes(172) + bytes(4) + b"\x00\x01\x00\x00"
)  # fmt: skip
COOKIE = bytes.fromhex("1c000000 01000000 02000000") + b"v" * 16
EXTRA = BEFORE_COOKIE + b"\x1c\x00" + COOKIE + bytes(4)
INFO = ClientInfo(
    0x409,
    InfoFlag.MOUSE | InfoFlag.UNICODE | InfoFlag.COMPRESSION | InfoFlag(0x0600) | InfoFlag.RAIL,
    "NTDEV", "ticket-7", "the secret of the ticket", "C:\\evil.exe", "C:\\Temp", EXTRA,
)  # fmt: skip
