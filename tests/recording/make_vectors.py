"""Makes tests/vectors/recording: recordings at fixed keys, sound and spoilt, with what must be said of each.

    python -m tests.recording.make_vectors

Only the age wrapping and the keys of typed bursts are random, so a second run gives other octets of the same meaning.
"""

import base64
import json
import struct
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log import sign
from gateway.audit.merkle import Tree
from gateway.ids import SessionId
from gateway.recording import verify
from gateway.recording.format import H_MAGIC, HEAD, LINK, MAGIC, b64, canonical, commitment, digest, frame_key
from gateway.recording.frames import Walk
from gateway.recording.model import About
from gateway.recording.reader import Player
from gateway.recording.recovery import Evidence, recover
from gateway.recording.writer import Recorder
from tests.sim.clock import SimulatedClock

FOLDER = Path(__file__).parent.parent / "vectors" / "recording"
SITE, KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
DATA_KEY = bytes(range(64, 96))
SHARE = 0x00AA03EA
IDENTITY = "AGE-SECRET-KEY-1Q0TS9L4V2XSNZ4G0WWQSCRJXE6GMS6344XSM2QA7ZS5UFRY7DS5QUAS4CR"


def relink(parts: list[bytes]) -> list[bytes]:
    h, out = H_MAGIC, []
    for part in parts:
        head, body = part[: HEAD.size], part[HEAD.size : -LINK]
        h = digest(h, head, body)
        out.append(head + body + h[:LINK])
    return out


def write(name: str, parts: list[bytes]) -> None:
    (FOLDER / name).write_bytes(MAGIC + b"".join(parts))


def recorder(path: Path, clock: SimulatedClock, protocol: str = "ssh") -> Recorder:
    path.unlink(missing_ok=True)
    about = About(1, SessionId("ses_vector"), "plant", "vera", "ews-l4", protocol, clock.now())
    recipients = [pyrage.x25519.Identity.from_str(IDENTITY).to_public()]
    return Recorder(
        path, about, {"grant": "grt_vector", "purpose": "vectors"},
        recipients=recipients, site_key=SITE, clock=clock, data_key=DATA_KEY, key=KEY,
    )  # fmt: skip


def good(clock: SimulatedClock) -> tuple[list[bytes], tuple[int, bytes]]:
    one = recorder(FOLDER / "good.slg", clock)
    head = (one.head.frames, one.head.h)
    tape = one.open_tape({"kind": "shell"}, (80, 24))
    tape.output(b"$ ")
    for octet in b"ls\r":
        tape.typed(bytes([octet]))
        tape.output(bytes([octet]) if octet != 13 else b"\r\na.txt\r\n$ ")
        clock.advance(seconds=4)
        one.tick()
    for octet in b"hidden\r":
        tape.typed(bytes([octet]))
    tape.output("\r\nGrüße\r\n".encode())
    clock.advance(seconds=12)
    one.tick()
    tape.close(0)
    one.seal()
    one.finish()
    data = one.path.read_bytes()
    with one.path.open("rb") as file:
        return [data[f.offset : f.end] for f in Walk(file)], head


def log(head: tuple[int, bytes], parts: list[bytes]) -> None:
    """A log of two entries, and its checkpoint."""
    with (FOLDER / "good.slg").open("rb") as file:
        *_, last = Walk(file)
    common = {"seq": 1, "session": "ses_vector", "at": "2026-11-24T10:00:00.000000+00:00", "actor": "vera"}
    states = [("recording.opened", *head), ("recording.closed", last.n + 1, last.h)]
    lines = [
        canonical({**common, "index": i, "event": event, "frames": frames, "h": b64(h)})
        for i, (event, frames, h) in enumerate(states)
    ]
    tree = Tree()
    for line in lines:
        tree.add(line)
    (FOLDER / "audit.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (FOLDER / "checkpoint.txt").write_text(sign("plant", SITE, tree.size, tree.root()).note)


def spoil(parts: list[bytes]) -> None:
    flipped = bytearray(parts[3])
    flipped[HEAD.size + 4] ^= 1
    renamed = parts[0].replace(b'"vera"', b'"adam"')
    write("flip.slg", [*parts[:3], bytes(flipped), *parts[4:]])
    write("flip-relinked.slg", relink([*parts[:3], bytes(flipped), *parts[4:]]))
    write("deleted.slg", [*parts[:3], *parts[4:]])
    write("reordered.slg", [*parts[:3], parts[4], parts[3], *parts[5:]])
    write("duplicated.slg", [*parts[:4], *parts[3:]])
    write("appended.slg", [*parts, parts[1]])
    write("cut-at-frame.slg", parts[:5])
    write("cut-mid-frame.slg", [*parts[:5], parts[5][:20]])
    write("header-relinked.slg", relink([renamed, *parts[1:]]))
    write("magic-only.slg", [])


def recovered(clock: SimulatedClock) -> None:
    one = recorder(FOLDER / "recovered.slg", clock)
    evidence = Evidence("ses_vector", {one.head.frames: one.head.h})
    one.open_tape({"kind": "exec"}, None).output(b"cut short")
    one.drop()
    recover(one.path, 1, evidence, SITE, clock.now())


def bitmap(left: int, top: int, width: int, height: int, colour: bytes) -> bytes:
    """A slow-path Bitmap Update PDU of one rectangle, raw 32 bpp ([MS-RDPBCGR] 2.2.9.1.1.3.1.2), whole with TPKT."""
    pixels = colour * (width * height)
    rectangle = struct.pack("<9H", left, top, left + width - 1, top + height - 1, width, height, 32, 0, len(pixels))
    update = struct.pack("<2H", 1, 1) + rectangle + pixels
    data = struct.pack("<IBBHBBH", SHARE, 0, 1, len(update) + 4, 2, 0, 0) + update
    control = struct.pack("<3H", len(data) + 6, 0x17, 1002) + data
    user_data = bytes((0x68, 0, 1, 0x03, 0xEB, 0x70)) + struct.pack(">H", len(control) | 0x8000) + control
    return struct.pack(">BBH", 3, 0, len(user_data) + 7) + bytes((2, 0xF0, 0x80)) + user_data


def desktop(clock: SimulatedClock) -> list[list[object]]:
    """A desktop of 16x8: two halves painted, a picture whole, keys, the pointer, text copied, another picture."""
    one = recorder(FOLDER / "desktop.slg", clock, "rdp")
    tape = one.open_tape({"kind": "desktop"}, None)
    tape.desktop(16, 8)
    tape.repaint()
    for half, colour in enumerate((b"\x00\x00\xff\x00", b"\xff\x00\x00\x00")):  # blue, green, red, nothing
        tape.shown(bitmap(8 * half, 0, 8, 8, colour))
        clock.advance(milliseconds=20)
    tape.repainted()
    clock.advance(seconds=2)
    tape.pressed(bytes((0x00, 0x1E, 0x01, 0x1E)))  # fast-path: A down and up
    tape.pointed(struct.pack("<BHHH", 0x20, 0x0800, 3, 4))  # moved to (3, 4)
    tape.clipboard("out", "Grüße")
    clock.advance(seconds=30)
    tape.repaint()
    tape.shown(bitmap(0, 0, 16, 8, b"\x00\xff\x00\x00"))
    clock.advance(milliseconds=20)
    tape.repainted()
    tape.close(None)
    one.seal()
    one.finish()
    return plain(one.path)


def plain(path: Path) -> list[list[object]]:
    with Player.open(path, pyrage.x25519.Identity.from_str(IDENTITY)) as player:
        return [[chr(r.kind), r.stream, r.at_us, base64.b64encode(r.payload).decode()] for r in player.records()]


def expectations() -> dict[str, object]:
    expected = {}
    for path in sorted(FOLDER.glob("*.slg")):
        alone = verify.check_file(path, [SITE.public_key()])
        first = alone.findings[0].partition(" at offset")[0] if alone.findings else ""
        expected[path.name] = {"frames": alone.frames, "ends": alone.ends, "first": first.partition(":")[0]}
    return expected


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts, head = good(SimulatedClock())
    log(head, parts)
    spoil(parts)
    recovered(SimulatedClock())
    h0 = digest(H_MAGIC, parts[0][: HEAD.size], parts[0][HEAD.size : -LINK])
    desktops = desktop(SimulatedClock())
    vectors = {
        "site_key": b64(SITE.public_key().public_bytes_raw()),
        "age_identity": IDENTITY,
        "data_key": DATA_KEY.hex(),
        "h_magic": H_MAGIC.hex(),
        "h_0": h0.hex(),
        "commit": commitment(DATA_KEY).hex(),
        "frame_key": frame_key(DATA_KEY, h0).hex(),
        "records": plain(FOLDER / "good.slg"),
        "desktop": {"records": desktops, "points": [0, 40_000, 32_060_000], "hidden_octets": 4},
        "typed": {"shown": "ls\r", "hidden_octets": 7},
        "expected": expectations(),
    }
    (FOLDER / "vectors.json").write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
