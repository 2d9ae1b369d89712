"""Other people's programs: PuTTY's, lftp, curl, paramiko, rclone, sshfs and ansible, permitted and refused."""

import asyncio
import subprocess

import paramiko
import pytest

from gateway.policy.model import Channel
from tests.files.house import EVERYTHING, FILES, HERE, House, Ran, sha256

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]
NO_WRITE = "Your approval does not include “sftp.write”"
READ_ONLY = frozenset({Channel.SFTP_READ})


@pytest.fixture
def moved(house):
    """A file of the target, a file of the person's, and where each is to arrive."""
    there, here = house.remote("peer/there.bin", 120_000), house.source("here.bin", 120_000)
    yield there, here, house.folder / "arrived.bin", house.home / "brought.bin"
    for path in (house.folder / "arrived.bin", house.home / "brought.bin"):
        path.unlink(missing_ok=True)


def whole(visited, moved) -> None:
    """Both files arrived and are in the ledger with their digests."""
    there, here, arrived, brought = moved
    assert arrived.read_bytes() == there.read_bytes()
    assert brought.read_bytes() == here.read_bytes()
    assert visited.line(there)["sha256"] == sha256(there)
    assert visited.line(brought)["sha256"] == sha256(here)


def putty(house: House, program: str) -> list[str]:
    ppk = house.folder / "vera.ppk"
    if not ppk.exists():
        subprocess.run(["puttygen", str(house.key), "-O", "private", "-o", str(ppk)], check=True)
    known = str(house.folder / "known_hosts")
    found = subprocess.run(["ssh-keygen", "-lf", known], check=True, capture_output=True, text=True)
    return [
        program,
        "-batch",
        "-noagent",
        "-hostkey",
        found.stdout.split()[1],
        "-i",
        str(ppk),
        "-P",
        str(house.ssh_port),
    ]


async def test_psftp(house, moved):
    there, here, arrived, brought = moved
    script = house.folder / "psftp.txt"
    script.write_text(
        f"get {there} {arrived}\nput {here} {brought}\nmkdir {house.home}/ps\nrmdir {house.home}/ps\nquit\n"
    )
    argv = (*putty(house, "psftp"), "-b", str(script), f"vera+files@{HERE}")
    async with house.visit() as visited:
        ran = await house.run(*argv)
    assert ran.status == 0, ran.words
    whole(visited, moved)
    brought.unlink()
    async with house.visit(READ_ONLY):
        refused = await house.run(*argv)
    assert NO_WRITE in refused.words
    assert not brought.exists()


async def test_pscp(house, moved):
    there, here, arrived, brought = moved
    argv, name = putty(house, "pscp"), f"vera+files@{HERE}"
    async with house.visit() as visited:
        down = await house.run(*argv, f"{name}:{there}", str(arrived))
        up = await house.run(*argv, str(here), f"{name}:{brought}")
    assert (down.status, up.status) == (0, 0), down.words + up.words
    whole(visited, moved)
    brought.unlink()
    async with house.visit(READ_ONLY):
        refused = await house.run(*argv, str(here), f"{name}:{brought}")
    assert NO_WRITE in refused.words
    assert not brought.exists()


async def lftp(house: House, *commands: str) -> Ran:
    setup = (
        f'set sftp:connect-program "ssh -a -x -F {house.config}"', "set net:max-retries 1", "set net:timeout 20",
        "set cmd:fail-exit true", "open -u vera+files,x sftp://files",
    )  # fmt: skip
    return await house.run("lftp", "-c", "; ".join((*setup, *commands)))


async def test_lftp_mirrors_in_parallel(house, moved):
    there, here, arrived, brought = moved
    for n in range(6):
        house.remote(f"mirror/{n}.bin", 30_000)
    async with house.visit() as visited:
        ran = await lftp(
            house, f"mirror -P3 {house.home}/mirror mirrored", f"get {there} -o {arrived}", f"put {here} -o {brought}",
            f"mirror -R -P3 mirrored {house.home}/mirrored", f"rm -r {house.home}/mirrored",
        )  # fmt: skip
        assert len(await visited.sessions()) == 1
    assert ran.status == 0, ran.words
    whole(visited, moved)
    for n in range(6):
        assert (house.folder / "mirrored" / f"{n}.bin").read_bytes() == (house.home / f"mirror/{n}.bin").read_bytes()
    assert not (house.home / "mirrored").exists()
    brought.unlink()
    async with house.visit(READ_ONLY):
        refused = await lftp(house, f"put {here} -o {brought}")
    assert refused.status != 0
    assert NO_WRITE in refused.words
    assert not brought.exists()


async def test_curl_which_hangs_on_a_refused_subsystem_is_told_at_once(house, moved):
    there, here, arrived, brought = moved
    argv = (
        "curl", "-sS", "--max-time", "40", "--key", str(house.key), "--pubkey", f"{house.key}.pub", "-u", "vera+files:",
        "--hostpubsha256", "", "-k",
    )  # fmt: skip
    argv = tuple(part for part in argv if part not in {"--hostpubsha256", ""})
    base = f"sftp://{HERE}:{house.ssh_port}"
    async with house.visit() as visited:
        down = await house.run(*argv, "-o", str(arrived), f"{base}{there}")
        up = await house.run(*argv, "-T", str(here), f"{base}{brought}")
    assert (down.status, up.status) == (0, 0), down.words + up.words
    whole(visited, moved)
    brought.unlink()
    async with house.visit(READ_ONLY):
        refused = await house.run(*argv, "-T", str(here), f"{base}{brought}")
    assert refused.status not in {0, 28}, refused.words  # 28: it ran into its time limit
    assert not brought.exists()
    async with house.visit({Channel.SHELL}):
        nothing = await house.run(*argv, "-o", str(arrived), f"{base}{there}")
    assert nothing.status not in {0, 28}, nothing.words


async def test_paramiko(house, moved):
    there, here, arrived, brought = moved

    def work(*, up: bool) -> str:
        transport = paramiko.Transport((HERE, house.ssh_port))
        try:
            transport.start_client(timeout=20)
            transport.auth_publickey("vera+files", paramiko.Ed25519Key.from_private_key_file(str(house.key)))
            sftp = paramiko.SFTPClient.from_transport(transport)
            sftp.get(str(there), str(arrived))
            if up:
                sftp.put(str(here), str(brought))
                sftp.rename(str(brought), f"{brought}.2")
                sftp.posix_rename(f"{brought}.2", str(brought))
                sftp.truncate(str(brought), 120_000)
                return str(sftp.normalize("."))
            with pytest.raises(OSError) as refused:  # noqa: PT011 - its words are looked at
                sftp.put(str(here), str(brought))
            return str(refused.value)
        finally:
            transport.close()

    async with house.visit() as visited:
        assert await asyncio.to_thread(work, up=True) == str(house.home)
    whole(visited, moved)
    brought.unlink()
    async with house.visit(READ_ONLY):
        assert NO_WRITE in await asyncio.to_thread(work, up=False)
    assert not brought.exists()


async def test_rclone_copies_a_tree_and_does_without_commands(house, moved):
    there, here, arrived, brought = moved
    for n in range(5):
        house.remote(f"rclone/{n}.bin", 20_000)
    remote = (
        f":sftp,host={HERE},port={house.ssh_port},user='vera+files',key_file='{house.key}',"
        f"known_hosts_file='{house.folder}/known_hosts',shell_type=none,md5sum_command=none,sha1sum_command=none:"
    )
    argv = ("rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1")
    async with house.visit() as visited:
        tree = await house.run(*argv, "copy", f"{remote}{house.home}/rclone", "rclone")
        down = await house.run(*argv, "copyto", f"{remote}{there}", str(arrived))
        up = await house.run(*argv, "copyto", str(here), f"{remote}{brought}")
    assert (tree.status, down.status, up.status) == (0, 0, 0), tree.words + down.words + up.words
    assert len(list((house.folder / "rclone").iterdir())) == 5
    assert arrived.read_bytes() == there.read_bytes()
    assert brought.read_bytes() == here.read_bytes()
    assert sha256(here) in {line["sha256"] for line in visited.ledger()}
    brought.unlink()
    async with house.visit(READ_ONLY):
        refused = await house.run(*argv, "copyto", str(here), f"{remote}{brought}")
    assert refused.status != 0
    assert not brought.exists()


async def test_sshfs_is_a_file_system_that_says_no(house, moved):
    there, here, arrived, brought = moved
    mount = house.folder / "mount"
    mount.mkdir()
    argv = ("sshfs", "-F", str(house.config), f"files:{house.home}", str(mount), "-o", "idmap=user")
    async with house.visit() as visited:
        mounted = await house.run(*argv)
        assert mounted.status == 0, mounted.words
        try:
            script = (
                f"cp peer/there.bin {arrived} && cp {here} brought.bin && mkdir d && mv d e && rmdir e && df . && ls"
            )
            ran = await house.run("sh", "-c", f"cd {mount} && {script}")
        finally:
            await house.run("fusermount3", "-u", str(mount))
    assert ran.status == 0, ran.words
    assert arrived.read_bytes() == there.read_bytes()
    assert brought.read_bytes() == here.read_bytes()
    assert visited.line(there)["octets"] >= there.stat().st_size
    brought.unlink()
    async with house.visit(READ_ONLY):
        assert (await house.run(*argv)).status == 0
        try:
            refused = await house.run("cp", str(here), str(mount / "brought.bin"))
        finally:
            await house.run("fusermount3", "-u", str(mount))
    assert "Permission denied" in refused.words
    assert not brought.exists()


async def test_ansible_copies_and_fetches(house, moved):
    there, here, arrived, brought = moved
    environment = {
        "ANSIBLE_SSH_ARGS": f"-F {house.config} -o ControlMaster=no", "ANSIBLE_LOCAL_TEMP": str(house.folder / "a"),
        "ANSIBLE_REMOTE_TMP": str(house.home / "ansible"), "ANSIBLE_NOCOLOR": "1",
    }  # fmt: skip
    argv = ("ansible", "files", "-i", "files,", "-e", "ansible_python_interpreter=/usr/bin/python3")
    async with house.visit(EVERYTHING) as visited:
        up = await house.run(*argv, "-m", "copy", "-a", f"src={here} dest={brought}", **environment)
        down = await house.run(*argv, "-m", "fetch", "-a", f"src={there} dest={arrived} flat=yes", **environment)
    assert (up.status, down.status) == (0, 0), up.words + down.words
    assert arrived.read_bytes() == there.read_bytes()
    assert brought.read_bytes() == here.read_bytes()
    assert {sha256(here), sha256(there)} & {line["sha256"] for line in visited.ledger()}
    async with house.visit(FILES):
        refused = await house.run(*argv, "-vvv", "-m", "ping", **environment)
    assert refused.status != 0
    assert "does not include “exec”" in refused.words
