"""After a whole visit: no secret in any byte that the gateway wrote (security.md 3, abuse 66, 67 and 83)."""

import base64
from pathlib import Path

import pyrage
import pytest

from gateway.recording.reader import Player
from gateway.recording.typed import keys_in, opened
from tests.e2e.process import HERE, Plant, plant
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.peer

TYPED = "Xy7-canary-never-echoed-9Q"  # typed where the target echoes nothing
ECHOED = "canary-in-the-open"
OURS = {"people.json", "account_key", "vera_key", "target_host_key"}  # the demonstration's own, on purpose


def disguises(name: str, secret: bytes) -> dict[str, bytes]:
    """A secret as it might lie in a file."""
    return {
        name: secret,
        f"{name}, hex": secret.hex().encode(),
        f"{name}, base64": base64.b64encode(secret).rstrip(b"="),
        f"{name}, UTF-16": secret.decode("latin-1").encode("utf-16-le"),
    }


def canaries(site: Plant) -> dict[str, bytes]:
    key = demo_key(site.folder)
    found = disguises("typed without echo", TYPED.encode())
    for line in key.splitlines()[2:4]:
        found |= disguises("key of the target's account", line)
    for login in site.desk.logins.values():
        found |= disguises(f"password of {login.name}", login.password.encode())
        found |= disguises(f"seed of {login.name}", login.secret.encode())
        found |= disguises(f"raw seed of {login.name}", base64.b32decode(login.secret))
    for path in (site.folder / "keys").iterdir():
        if path.suffix not in {".pub", ".crt"}:
            data = path.read_bytes()
            found[path.name] = data.strip() if len(data) < 100 else b"".join(data.splitlines()[2:3])
    return found


def demo_key(folder: Path) -> bytes:
    return (folder / "account_key").read_bytes()


def leaks(written: dict[str, bytes], secrets: dict[str, bytes]) -> list[str]:
    return [
        f"{name} in {where}" for where, data in written.items() for name, secret in secrets.items() if secret in data
    ]


def replayed(folder: Path) -> bytes:
    """Everything that the holder of the replay key can read of the recordings, keys of bursts used."""
    identity = pyrage.x25519.Identity.from_str((folder / "keys" / "replay.age").read_text().strip())
    read = b""
    for path in sorted((folder / "recordings").glob("*.slg")):
        with Player.open(path, identity) as player:
            records = list(player.records())
        read += b"\n".join(r.payload for r in (*records, *opened(records, keys_in(records))))
    return read


async def test_abuse_66_67_83_no_secret_of_a_whole_visit_is_in_any_byte_that_was_written(tmp_path: Path) -> None:
    async with plant(tmp_path / "gateway") as site:
        grant = await site.desk.approved()
        await site.desk.released(grant)
        served = await site.gateway()
        asks = ["-o", "PubkeyAuthentication=no", "-p", str(site.ssh_port), f"vera+ews-l4@{HERE}"]
        unknown = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        async with Terminal(["ssh", "-F", "none", *unknown, *asks]) as vera:
            await vera.sees("[Pp]assword: ")
            vera.type(site.desk.logins["vera"].password + "\n")
            await vera.sees("[Cc]ode.*: ")
            vera.type(await site.desk.codes["vera"].next() + "\n")
            await vera.sees(r"engineer@ews-l4.*[#$]")
            vera.type(f"echo {ECHOED}-$((40+2))\n")
            await vera.sees(f"{ECHOED}-42")
            vera.type("read -rs secret; echo got-${#secret}\n")
            await vera.sees(r"got-.*\n")  # the line as it was typed: from now on nothing is echoed
            vera.type(TYPED + "\n")
            await vera.sees(f"got-{len(TYPED)}")
            vera.type("exit\n")
            await vera.ends()
        served.process.terminate()
        assert await served.ends() == 0
        await site.desk.store.close()

        secrets = canaries(site)
        files = [p for p in site.folder.rglob("*") if p.is_file() and p.name not in OURS]
        written = {str(p.relative_to(site.folder)): p.read_bytes() for p in files if p.parent.name != "keys"}
        assert {"sluicegate.db", "sluicegate.toml"} <= set(written)
        written["what it said"] = served.said.encode()
        written["its recordings, opened"] = replayed(site.folder)
        assert ECHOED.encode() in written["its recordings, opened"]  # this test can see
        assert leaks(written, secrets) == []
        assert all(p.stat().st_mode & 0o077 == 0 for p in (site.folder / "keys").iterdir() if p.suffix == ".key")
