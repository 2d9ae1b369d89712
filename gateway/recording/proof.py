"""What the page says about a recording's wholeness, and the pack that lets an outsider say it himself."""

from __future__ import annotations

import importlib.resources
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.recording import verify
from gateway.recording.format import Broken, b64
from gateway.recording.frames import Walk
from gateway.recording.model import Recording, RecordingState
from gateway.recording.recovery import Evidence

IN_MEMORY: Final = 8 << 20  # octets of a pack; a larger one goes to a temporary file
COPIED: Final = 1 << 20  # octets copied at once
README: Final = """Evidence pack of session {session} (recording {seq} of site {site})
{person} on {target}, started {started}.

recording.slg    the recording, encrypted for the site's auditors
audit.jsonl      the audit log; entries about others appear as "#" and their hash
checkpoint.txt   the log's head, signed by the site just now
site-key.txt     the site's public key
verify.py        checks all of it; needs Python 3.11 and the package `cryptography`

1. Compare site-key.txt with the key that the site gave you by another way.
2. If you kept an earlier checkpoint of this site, add it: --checkpoint FILE. Only what left the site earlier proves
   that the site did not rewrite its own history.
3. Run:

   python3 verify.py --site-key site-key.txt --log audit.jsonl --checkpoint checkpoint.txt recording.slg

The recording opens with the age identity of an auditor; its format is in docs/recording-format.md of Sluicegate.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the verifier says. `good` is false for what must be read."""

    code: str
    words: str
    good: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """`verdict`: verified, unclean (its writer died), open (it runs still) or broken."""

    verdict: str
    findings: tuple[Finding, ...]


def check(path: Path, recording: Recording, site_key: bytes, known: Evidence) -> Verification:
    """Run the verifier on one file against this gateway's own log. Blocks."""
    log = verify.Log()
    log.heads[recording.seq] = verify.Heads(known.session, dict(known.heads), max(known.heads) if known.closed else -1)
    result = verify.check_file(path, [Ed25519PublicKey.from_public_bytes(site_key)], log)
    if recording.state is RecordingState.OPEN:  # the writer may be in the middle of a frame just now
        result.findings = [words for words in result.findings if not words.endswith(": incomplete frame")]
    if result.findings:
        return Verification("broken", tuple(Finding("broken", words, good=False) for words in result.findings))
    intact = Finding("intact", f"{result.frames} frames, each as it was written.", good=True)
    limit = Finding(
        "limit",
        "Checked against this gateway's own log. For proof, download it and verify it elsewhere, with a checkpoint "
        "that left the site.",
        good=True,
    )
    if result.ends == "E":
        return Verification(
            "verified", (intact, Finding("sealed", "Sealed by its writer at its end.", good=True), limit)
        )
    if result.ends == "R":
        words = "UNCLEAN: its writer died. The gateway sealed what there was; up to 10 s before the end may be missing."
        return Verification("unclean", (intact, Finding("unclean", words, good=False), limit))
    words = "UNCLEAN: not sealed. The session runs still, or its recorder could not write the end."
    return Verification("open", (intact, Finding("open", words, good=False), limit))


def pack(recording: Recording, path: Path, lines: Iterable[str], checkpoint: str, site_key: bytes) -> BinaryIO:
    """The evidence pack, at its beginning. A recording that grows is given up to its last complete frame. Blocks."""
    site = checkpoint.partition("\n")[0]
    about = README.format(
        session=recording.session,
        seq=recording.seq,
        site=site,
        person=recording.person,
        target=recording.target,
        started=recording.started.isoformat(timespec="seconds"),
    )
    zipped = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller closes it
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", about)
        with archive.open(zipfile.ZipInfo("recording.slg"), "w", force_zip64=True) as entry, path.open("rb") as file:
            left = _complete(file)
            file.seek(0)
            while left and (octets := file.read(min(COPIED, left))):
                entry.write(octets)
                left -= len(octets)
        with archive.open("audit.jsonl", "w", force_zip64=True) as entry:
            for line in lines:
                entry.write(line.encode() + b"\n")
        archive.writestr("checkpoint.txt", checkpoint)
        archive.writestr("site-key.txt", b64(site_key) + "\n")
        archive.writestr("verify.py", importlib.resources.files("gateway.recording").joinpath("verify.py").read_bytes())
    zipped.seek(0)
    return zipped  # type: ignore[return-value]  # a SpooledTemporaryFile reads like a file


def _complete(file: BinaryIO) -> int:
    """Octets of a recording that are complete frames; of a damaged one all, for the verifier to name the place."""
    walk = Walk(file)
    try:
        for _ in walk:
            pass
    except Broken:
        return file.seek(0, 2)
    return walk.offset
