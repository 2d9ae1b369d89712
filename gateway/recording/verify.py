#!/usr/bin/env python3
"""Verify recordings of a Sluicegate offline. Needs this file, Python 3.11 and `cryptography`: no account, no secret.

    verify.py --site-key KEY RECORDING... [--log audit.jsonl --checkpoint checkpoint.txt...] [--all]

KEY is the site's public key in base64, or a file with one a line; several for a site that changed its key.
RECORDING is a file, or a folder of all recordings (then --all is meant: every session of the log must be there).
Without a log: nothing inside a recording was changed, and its end is there.
With one, and a checkpoint of it that left the site: and none was exchanged, cut or taken away until then.

Exit 0: every check held; read the lines with UNCLEAN and NOTE all the same. 1: findings. 2: could not run.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import mmap
import struct
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAGIC = b"sluicegate-recording/1\n"
HEAD = struct.Struct(">IB")  # length of the body, type
CHECK = struct.Struct(">QQQQ32s")  # n, wall clock ms, microseconds, index offset, h(n-1)
LINK, SIGNATURE = 8, 64
BODY, HEADER, LINE, NOTES = 16 << 20, 1 << 20, 1 << 20, 16 << 20  # octets of each at most: a frame's body, …
SHOWN, RESUMES = 20, 2000  # findings of one recording; places tried to go on after damage
CHECKPOINT_HEAD = HEAD.pack(CHECK.size + SIGNATURE, ord("C"))
STATED = {"recording.opened", "recording.head", "recording.closed", "recording.recovered", "recording.failed"}
Keys = Sequence[Ed25519PublicKey]
BAD_INPUT = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, struct.error, OSError)


@dataclass
class Heads:
    """What the log states of one recording: h after so many frames, and how many there were at the end."""

    session: str = ""
    at: dict[int, bytes] = field(default_factory=dict)
    closed: int = -1


@dataclass
class Result:
    """What is known of one recording. `ends`: "E" sealed, "R" sealed by recovery, "" not sealed."""

    seq: int = 0
    session: str = ""
    who: str = ""
    site: str = ""
    frames: int = 0
    ends: str = ""
    last_ms: int = 0
    findings: list[str] = field(default_factory=list)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def utc(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000)) if 0 < ms < 1 << 47 else "an impossible time"


def plain(text: object, limit: int = 120) -> str:
    """`text` for a terminal: nothing in a file moves the cursor of who verifies it."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:limit])


def signed(keys: Keys, message: bytes, signature: bytes) -> bool:
    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def public_key(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


class Recording:
    """One pass over the frames of a file. After damage it goes on at the next signed checkpoint."""

    def __init__(self, data: mmap.mmap, sites: Keys, heads: dict[int, Heads]) -> None:
        self.data, self.sites, self.heads, self.result = data, sites, heads, Result()
        self.known, self.wanted = Heads(), dict[int, bytes]()
        self.n, self.o, self.h = 0, len(MAGIC), sha(MAGIC)
        self.key: list[Ed25519PublicKey] = []
        self.ms, self.us, self.good, self.resumes = 0, 0, "the start", 0
        self.seeks: list[tuple[int, ...]] = []

    def bad(self, what: str) -> None:
        place = f"frame {self.n} at offset {self.o} (last good checkpoint: {self.good})"
        self.result.findings.append(f"{place}: {what}")

    def run(self) -> Result:
        if self.data[: self.o] != MAGIC:
            self.result.findings.append("frame 0 at offset 0: not a sluicegate-recording/1")
            return self.result
        while self.o < len(self.data) or self.n == 0:
            head = self.data[self.o : self.o + HEAD.size]
            length, kind = HEAD.unpack(head) if len(head) == HEAD.size else (BODY + 1, 0)
            stop = self.o + HEAD.size + length
            complete = length <= BODY and stop + LINK <= len(self.data)
            what = self.frame(kind, self.data[self.o + HEAD.size : stop], stop) if complete else "incomplete frame"
            if what:
                self.bad(what)
                if len(self.result.findings) >= SHOWN or not self.resume():
                    break
        self.result.frames = self.n
        return self.result

    def frame(self, kind: int, body: bytes, stop: int) -> str:
        """Check one complete frame and step over it, or say what is wrong with it."""
        h = sha(self.h + self.data[self.o : stop])
        if self.n == 0:
            self.names(body)
        if self.result.ends:
            return "octets after the end"
        if self.data[stop : stop + LINK] != h[:LINK]:
            return "changed, moved, missing or foreign"
        if (self.n == 0) != (kind == ord("H")):
            return "header missing or repeated"
        what = "" if kind in b"HDI" else f"unknown type {kind}"
        if kind == ord("H"):
            ours = self.key and signed(self.sites, MAGIC + b"H" + body[SIGNATURE:], body[:SIGNATURE])
            what = "" if ours else "header is not signed by the site"
        elif kind in b"CER":
            what = self.checkpoint(kind, body)
        elif kind == ord("I"):
            self.index(body)
        if what:
            return what
        if self.wanted.pop(self.n + 1, h) != h:
            self.bad("differs from the head in the audit log: changed, or another recording")
        self.n, self.o, self.h = self.n + 1, stop + LINK, h
        return ""

    def names(self, body: bytes) -> None:
        """What the header says, also a false one: so that a finding names the session. `frame` checks it."""
        r = self.result
        try:
            values = json.loads(body[SIGNATURE : min(len(body), HEADER)])
            r.seq, r.session, r.site = int(values["seq"]), plain(values["session"]), plain(values["site"])
            r.who, self.ms = f"{plain(values['person'])} to {plain(values['target'])}", int(values["started"])
            self.key, r.last_ms = [public_key(values["key"])], self.ms
        except BAD_INPUT:
            return
        self.known = self.heads.get(r.seq, self.known)
        self.wanted = dict(self.known.at)

    def checkpoint(self, kind: int, body: bytes) -> str:
        if len(body) != CHECK.size + SIGNATURE:
            return f"type {chr(kind)} of {len(body)} octets"
        at, ms, us, _, before = CHECK.unpack(body[: CHECK.size])
        keys = self.sites if kind == ord("R") else self.key
        if not signed(keys, MAGIC + bytes([kind]) + body[: CHECK.size], body[CHECK.size :]):
            return "signature does not hold"
        if at == self.n and before != self.h:
            return "frames since the last good checkpoint are not those that were signed"
        if at != self.n or ms < self.ms or us < self.us:
            return "checkpoint of another place"
        if kind == ord("C"):
            self.seeks.append((us, self.o))
        else:
            self.result.ends = chr(kind)
        self.ms, self.us, self.result.last_ms, self.good = ms, us, ms, f"frame {self.n}, {utc(ms)}"
        return ""

    def index(self, body: bytes) -> None:
        """Seeking only; a false one shows nothing false, but nobody wrote it by accident."""
        points = list(struct.iter_unpack(">QQ", body)) if len(body) % 16 == 0 else [()]
        if points != self.seeks[-len(points) :] and (points or self.seeks):
            self.bad("index does not point at the checkpoints (seeking only)")

    def resume(self) -> bool:
        """Go to the next checkpoint that the recording's own key signed, to tell the extent of the damage."""
        at = self.o
        while self.key and self.resumes < RESUMES and (at := self.data.find(CHECKPOINT_HEAD, at + 1)) >= 0:
            self.resumes += 1
            body = self.data[at + HEAD.size : at + HEAD.size + CHECK.size + SIGNATURE]
            n, _, _, _, h = CHECK.unpack(body[: CHECK.size]) if len(body) > CHECK.size else (0, 0, 0, 0, b"")
            if n > self.n and signed(self.key, MAGIC + b"C" + body[: CHECK.size], body[CHECK.size :]):
                self.n, self.o, self.h = n, at, h
                return True
        return False


def check_file(path: Path, sites: Keys, log: Log | None = None) -> Result:
    """Check one recording, by what the log states of it if there is one."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            one = Recording(data, sites, log.heads if log else {})
            result = one.run()
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        return Result(findings=[f"frame 0 at offset 0: cannot be read: {plain(error)}"])
    if not result.findings and (lack := against_log(result, one.known, log)):
        result.findings.append(lack)
    return result


def against_log(result: Result, known: Heads, log: Log | None) -> str:
    """What an intact file lacks, by what the log has of it."""
    n, most, unsealed = result.frames, max(known.at, default=0), f"frame {result.frames}: not sealed"
    if log is None:
        return "" if result.ends else f"{unsealed}, its end may have been cut off: the audit log could tell"
    if not known.at or known.session != result.session:
        return f"frame 0: recording {result.seq} of session {result.session} is not in the audit log"
    if n < most:
        return f"frame {n}: cut here, the audit log has {most} frames"
    if known.closed >= 0 and (n > known.closed or not result.ends):
        return f"frame {known.closed}: not as the audit log has it closed"
    if not result.ends and log.hidden:
        return f"{unsealed}: entries of the log are hidden, so a cut looks like a session that runs still"
    return ""


class Log:
    """The audit log, each line a leaf of an RFC 6962 tree (section 2.1), kept as the roots of its perfect subtrees.

    `proven` lines are covered by an anchor that left the site; the last of them is of `time`.
    """

    def __init__(self) -> None:
        self.heads: dict[int, Heads] = {}
        self.findings: list[str] = []
        self.peaks: list[bytes] = []
        self.size, self.proven, self.hidden, self.time, self.last_time, self.origin = 0, 0, 0, "", "", ""

    def bad(self, what: str) -> None:
        if len(self.findings) < SHOWN:
            self.findings.append(f"audit log: {what}")

    def add(self, leaf: bytes) -> None:
        n = self.size
        while n & 1:
            leaf, n = sha(b"\1" + self.peaks.pop() + leaf), n >> 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        root = self.peaks[-1] if self.peaks else sha(b"")
        for peak in reversed(self.peaks[:-1]):
            root = sha(b"\1" + peak + root)
        return root

    def compare(self, anchors: Iterable[tuple[str, bytes]]) -> None:
        for name, root in anchors:
            if self.root() == root:
                self.proven, self.time = self.size, self.last_time
            else:
                self.bad(f"history rewritten: its first {self.size} entries are not those that {plain(name)} saw")

    def take(self, line: bytes) -> None:
        """One line: an entry, or `#` and base64 for one that is not shown: its leaf hash."""
        index, leaf = self.size, sha(b"\0" + line)
        try:
            if line.startswith(b"#") and len(hidden := base64.b64decode(line[1:], validate=True)) == len(leaf):
                leaf, self.hidden = hidden, self.hidden + 1
                return
            entry = json.loads(line)
            if entry["index"] != index:
                self.bad(f"entry {index} says that it is entry {plain(entry['index'])}")
            self.last_time = plain(entry["at"])
            if entry["event"] in STATED:
                self.state(index, entry["event"], entry)
        except BAD_INPUT as error:
            self.bad(f"entry {index} is none: {type(error).__name__}")
        finally:
            self.add(leaf)

    def state(self, index: int, event: str, entry: dict[str, str]) -> None:
        """What an entry states of a recording: h after so many frames."""
        seq, n, h = int(entry["seq"]), int(entry["frames"]), base64.b64decode(entry["h"], validate=True)
        if event == "recording.opened":
            if seq != len(self.heads) + 1:
                self.bad(f"entry {index} opens recording {seq}, expected {len(self.heads) + 1}: one is missing")
            self.heads[seq] = Heads(plain(entry["session"]))
        known = self.heads.setdefault(seq, Heads("never opened"))
        if known.at.setdefault(n, h) != h or (known.closed >= 0 and n > known.closed):
            self.bad(f"entry {index} contradicts an earlier one about recording {seq}")
        if event in ("recording.closed", "recording.recovered"):
            known.closed = n


def read_anchors(path: Path, sites: Keys) -> list[tuple[str, int, bytes]]:
    """(origin, size, root) of C2SP checkpoints, parted by empty lines; ValueError when the site did not sign one."""
    with path.open("rb") as file:
        parts = file.read(NOTES).decode().strip("\n").split("\n\n")
    found = []
    for text, signatures in zip(parts[::2], parts[1::2], strict=True):
        origin, size, root = text.split("\n")[:3]
        lines = [line.split(" ") for line in signatures.split("\n")]
        ours = [base64.b64decode(words[2])[4:] for words in lines if words[:2] == ["\u2014", origin]]
        if not any(signed(sites, f"{text}\n".encode(), signature) for signature in ours):
            raise ValueError("no signature of the site")
        found.append((origin, int(size), base64.b64decode(root, validate=True)))
    return found


def check_log(path: Path, anchors: Sequence[Path], sites: Keys) -> Log:
    """Check the audit log against every anchor."""
    log, wanted = Log(), dict[int, list[tuple[str, bytes]]]()
    for name in anchors:
        try:
            for origin, size, root in read_anchors(name, sites):
                wanted.setdefault(size, []).append((str(name), root))
                if log.origin not in ("", origin):
                    log.bad(f"anchors of several sites: {plain(log.origin)} and {plain(origin)}")
                log.origin = origin
        except BAD_INPUT as error:
            log.bad(f"{plain(name)}: not a checkpoint of this site ({plain(error)})")
    with path.open("rb") as file:
        log.compare(wanted.pop(0, ()))
        while line := file.readline(LINE):
            log.take(line.rstrip(b"\n"))
            log.compare(wanted.pop(log.size, ()))
    for size, names in wanted.items():
        log.bad(f"rolled back: {log.size} entries, {plain(names[0][0])} saw {size}")
    return log


def site_keys(text: str) -> list[Ed25519PublicKey]:
    lines = Path(text).read_text().split() if len(text) < 256 and Path(text).is_file() else [text]
    return [public_key(line) for line in lines]


def report(results: list[tuple[str, Result]], log: Log | None, *, every: bool) -> int:
    """Say everything, and return the exit status."""
    findings, seen = list(log.findings) if log else [], dict[int, str]()
    for name, r in results:
        who = f"{plain(name)} (recording {r.seq}, session {r.session or '?'}, {r.who or '?'})"
        if r.seq in seen:
            r.findings.append(f"recording {r.seq} is also {seen[r.seq]}")
        if log and log.origin and r.site not in ("", log.origin):
            r.findings.append(f"recording of site {r.site}, audit log of {plain(log.origin)}")
        seen[r.seq] = plain(name)
        print(f"{who}: {r.frames} frames: {'FAILED' if r.findings else 'ok'}")
        findings += [f"{who}: {what}" for what in r.findings]
        if r.ends == "R":
            print(f"UNCLEAN {who}: its writer died. Recovery sealed what there was; up to 10 s before may be missing.")
        elif not r.ends:
            print(f"UNCLEAN {who}: not sealed. It runs still, or was cut: nothing can be said after {utc(r.last_ms)}.")
    missing = [seq for seq in (log.heads if log else {}) if seq not in seen]
    if log and every:
        findings += [f"recording {s} (session {log.heads[s].session}) is in the log and missing" for s in missing]
    elif missing:
        print(f"NOTE {len(missing)} other recordings are in the audit log and were not given; --all wants them too.")
    print(*(f"FINDING {what}" for what in findings), sep="\n", end="\n" if findings else "")
    if log is None:
        print("NOTE Without the audit log nobody can say whether recordings are missing or were exchanged.")
    else:
        print(f"Complete up to checkpoint {log.proven} of {log.time or '?'}; nothing can be said about later.")
        if log.size > log.proven:
            print(f"NOTE {log.size - log.proven} entries of the log are later: no checkpoint proves them.")
        if log.hidden:
            print(f"NOTE {log.hidden} entries of the log are hidden: what they say was not checked.")
    print("NOTE What a gateway never wrote down, no verifier can miss.")
    return 1 if findings else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site-key", action="append", required=True, help="base64, or a file")
    parser.add_argument("--log", type=Path, help="the audit log, one entry a line")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="checkpoints that left the site")
    parser.add_argument("--all", action="store_true", help="every recording of the log must be given")
    parser.add_argument("recordings", type=Path, nargs="*")
    a = parser.parse_args(arguments)
    if a.log and not a.checkpoint:
        parser.error("--log needs a --checkpoint: a log that nobody signed proves nothing")
    if lost := [str(p) for p in (*a.recordings, *a.checkpoint, a.log or Path()) if not p.exists()]:
        parser.error(f"no such file: {plain(lost)}")
    folders = [p for p in a.recordings if p.is_dir()]
    files = sorted({f for p in folders for f in p.glob("*.slg")} | set(a.recordings) - set(folders))
    try:
        sites = [key for text in a.site_key for key in site_keys(text)]
        log = check_log(a.log, a.checkpoint, sites) if a.log else None
    except BAD_INPUT as error:
        parser.error(plain(error))
    results = [(str(path), check_file(path, sites, log)) for path in files]
    return report(results, log, every=a.all or bool(folders))


if __name__ == "__main__":
    sys.exit(main())
