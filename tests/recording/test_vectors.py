"""The published vectors: what a second implementation must say of them, said by this one."""

import base64
import hashlib
import json
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.recording import verify
from gateway.recording.format import H_MAGIC, MAGIC, commitment, frame_key
from gateway.recording.frames import Walk, first
from gateway.recording.model import Kind
from gateway.recording.playback import detail, records, summary
from gateway.recording.reader import Player
from gateway.recording.typed import keys_in, opened

FOLDER = Path(__file__).parent.parent / "vectors" / "recording"
VECTORS = json.loads((FOLDER / "vectors.json").read_text())
EXIT = {"good.slg": 0, "desktop.slg": 0, "recovered.slg": 0}
SAYS = {
    "good.slg": ("frame ", ""),
    "desktop.slg": ("frame ", ""),
    "flip.slg": ("frame 3", "changed"),
    "flip-relinked.slg": ("frame ", "are not those that were signed"),
    "deleted.slg": ("frame 3", "changed"),
    "reordered.slg": ("frame 3", "changed"),
    "duplicated.slg": ("frame 4", "changed"),
    "appended.slg": ("frame ", "octets after the end"),
    "cut-at-frame.slg": ("frame 5", "not sealed"),
    "cut-mid-frame.slg": ("frame 5", "incomplete frame"),
    "header-relinked.slg": ("frame 0", "header is not signed by the site"),
    "magic-only.slg": ("frame 0", "incomplete frame"),
    "recovered.slg": ("frame ", ""),
}


def test_every_vector_has_an_expectation() -> None:
    names = {p.name for p in FOLDER.glob("*.slg")}
    assert names == set(VECTORS["expected"]) == set(SAYS)


@pytest.mark.parametrize("name", sorted(SAYS))
def test_the_verifier_says_of_a_vector_what_is_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = verify.main(["--site-key", VECTORS["site_key"], str(FOLDER / name)])
    out, (place, what) = capsys.readouterr().out, SAYS[name]
    assert status == EXIT.get(name, 1), out
    assert ("UNCLEAN" in out) == (VECTORS["expected"][name]["ends"] != "E")
    if what:
        finding = next(line for line in out.splitlines() if line.startswith("FINDING"))
        assert place in finding
        assert what in finding
    result = verify.check_file(
        FOLDER / name, [Ed25519PublicKey.from_public_bytes(base64.b64decode(VECTORS["site_key"]))]
    )
    assert (result.frames, result.ends) == (
        VECTORS["expected"][name]["frames"],
        VECTORS["expected"][name]["ends"],
    )


def test_the_log_of_the_vectors_proves_the_good_one_complete(capsys: pytest.CaptureFixture[str]) -> None:
    log = ["--log", str(FOLDER / "audit.jsonl"), "--checkpoint", str(FOLDER / "checkpoint.txt"), "--all"]
    assert verify.main(["--site-key", VECTORS["site_key"], *log, str(FOLDER / "good.slg")]) == 0
    assert verify.main(["--site-key", VECTORS["site_key"], *log, str(FOLDER / "cut-at-frame.slg")]) == 1
    assert "frame 5: cut here, the audit log has" in capsys.readouterr().out


def test_hashes_and_keys_are_derived_as_specified() -> None:
    data_key = bytes.fromhex(VECTORS["data_key"])
    with (FOLDER / "good.slg").open("rb") as file:
        frame, header = first(file)
    raw = (FOLDER / "good.slg").read_bytes()[len(MAGIC) : frame.end - 8]
    assert bytes.fromhex(VECTORS["h_magic"]) == H_MAGIC
    assert hashlib.sha256(H_MAGIC + raw).hexdigest() == VECTORS["h_0"] == frame.h.hex()
    assert commitment(data_key).hex() == VECTORS["commit"] == header.commit.hex()
    assert frame_key(data_key, frame.h).hex() == VECTORS["frame_key"]


def test_the_good_vector_plays_as_written_and_keeps_its_secret() -> None:
    identity = pyrage.x25519.Identity.from_str(VECTORS["age_identity"])
    with Player.open(FOLDER / "good.slg", identity) as player:
        records = list(player.records())
    assert [[chr(r.kind), r.stream, r.at_us, base64.b64encode(r.payload).decode()] for r in records] == VECTORS[
        "records"
    ]
    readable = list(opened(records, keys_in(records)))
    assert b"".join(r.payload for r in readable if r.kind == Kind.INPUT).decode() == VECTORS["typed"]["shown"]
    hidden = sum(int.from_bytes(r.payload, "big") for r in readable if r.kind == Kind.HIDDEN)
    assert hidden == VECTORS["typed"]["hidden_octets"]


def test_frames_of_the_good_vector_are_as_many_as_said() -> None:
    with (FOLDER / "good.slg").open("rb") as file:
        assert len(list(Walk(file))) == VECTORS["expected"]["good.slg"]["frames"]


def test_the_desktop_of_the_vectors_is_found_by_its_pictures_and_its_keys_by_nobody() -> None:
    identity, wanted = pyrage.x25519.Identity.from_str(VECTORS["age_identity"]), VECTORS["desktop"]
    with Player.open(FOLDER / "desktop.slg", identity) as player:
        raw = [[chr(r.kind), r.stream, r.at_us, base64.b64encode(r.payload).decode()] for r in player.records()]
        assert raw == wanted["records"]
        assert list(detail(player, summary(player)).points) == wanted["points"]
        found = records(player, wanted["points"][2], None).records
        assert [chr(r.kind) for r in found[:2]] == ["w", "q"]
        readable = records(player, 0, None).records
    assert Kind.INPUT not in {r.kind for r in readable}
    hidden = [int.from_bytes(r.payload, "big") for r in readable if r.kind == Kind.HIDDEN]
    assert hidden == [wanted["hidden_octets"]]
