"""The old `scp`, `rsync` and other commands: with the permission to run commands, and with that to move files alone."""

import pytest

from gateway.policy.model import Channel
from tests.files.house import FILES, sha256

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]
READ, WRITE = frozenset({Channel.SFTP_READ}), frozenset({Channel.SFTP_WRITE})
EXEC = frozenset({Channel.EXEC})


@pytest.mark.parametrize("channels", [READ | WRITE, EXEC], ids=["files", "exec"])
async def test_scp_of_old_passes_both_ways_with_digests(house, channels):
    there, here = house.remote("old/there.bin", 150_000), house.source("here.bin", 150_000)
    house.remote("old/deep/er.bin", 3_000)
    config, got = str(house.config), f"old-got-{len(channels)}"
    async with house.visit(channels) as visited:
        down = await house.run("scp", "-O", "-rp", "-F", config, f"files:{house.home}/old", got)
        up = await house.run("scp", "-O", "-F", config, str(here), f"files:{house.home}/old-put.bin")
    assert (down.status, up.status) == (0, 0), down.words + up.words
    assert (house.folder / got / "there.bin").read_bytes() == there.read_bytes()
    assert (house.home / "old-put.bin").read_bytes() == here.read_bytes()
    digests = {line["sha256"] for line in visited.ledger()}
    assert digests == {sha256(there), sha256(house.home / "old/deep/er.bin"), sha256(here)}


async def test_scp_of_old_is_refused_each_way_without_its_permission(house):
    there, here = house.remote("there.bin", 10), house.source("here.bin", 10)
    for channels, source, goal in (
        (READ, str(here), f"files:{house.home}/refused.bin"),
        (WRITE, f"files:{there}", "refused.bin"),
    ):
        async with house.visit(channels) as visited:
            ran = await house.run("scp", "-O", "-F", str(house.config), source, goal)
        assert ran.status != 0
        assert "Your approval does not include" in ran.words
        assert visited.ledger() == []
    assert not (house.home / "refused.bin").exists()
    assert not (house.folder / "refused.bin").exists()


@pytest.mark.parametrize("channels", [READ | WRITE, EXEC], ids=["files", "exec"])
async def test_rsync_passes_both_ways_and_is_counted(house, channels):
    there, here = house.remote("rs/there.bin", 150_000), house.source("rs.bin", 150_000)
    shell = f"ssh -F {house.config}"
    async with house.visit(channels) as visited:
        down = await house.run("rsync", "-a", "-e", shell, f"files:{there.parent}/", "rs-got/")
        up = await house.run("rsync", "-a", "-e", shell, str(here), f"files:{house.home}/rs-put.bin")
    assert (down.status, up.status) == (0, 0), down.words + up.words
    assert (house.folder / "rs-got" / "there.bin").read_bytes() == there.read_bytes()
    assert (house.home / "rs-put.bin").read_bytes() == here.read_bytes()
    lines = {line["way"]: line for line in visited.ledger()}
    assert lines["download"]["octets"] > 150_000
    assert lines["upload"]["octets"] > 150_000
    assert str(there.parent) in lines["download"]["path"]


async def test_rsync_is_refused_each_way_without_its_permission_and_deletes_need_theirs(house):
    there, here = house.remote("rsx/there.bin", 10), house.source("rs.bin", 10)
    shell = f"ssh -F {house.config}"
    for channels, argv in (
        (READ, (str(here), f"files:{house.home}/refused.bin")),
        (WRITE, (f"files:{there}", "refused.bin")),
        (WRITE, ("--delete", "-r", f"{here.parent}/", f"files:{there.parent}/")),
    ):
        async with house.visit(channels):
            ran = await house.run("rsync", "-e", shell, *argv)
        assert ran.status != 0
        assert "Your approval does not include" in ran.words
    assert not (house.home / "refused.bin").exists()
    assert not (house.folder / "refused.bin").exists()
    assert there.exists()


@pytest.mark.parametrize(
    "command",
    [
        "id", "scp -t . ; id", "scp -f /etc/hostname && id", "scp -f $(id)", "scp -S /bin/sh -f x", "/tmp/scp -f x",
        "rsync --server --sender --rsh=id -e.Lsfx . /", "rsync --server -e 'sh -c id' . x", "rsync --daemon",
        "sh -c 'scp -f x'", "scp -f `id`", "scp -t x\nid",
    ],
)  # fmt: skip
async def test_security_no_other_command_passes_as_a_transfer(house, command):
    async with house.visit(READ | WRITE):
        ran = await house.run("ssh", "-F", str(house.config), "files", command)
    assert ran.status == 254
    assert "does not include “exec”" in ran.words
    assert "uid=" not in ran.out


async def test_old_programs_are_told_to_use_sftp_where_paths_are_bound_or_uploads_wait(house):
    inside, here = house.remote("incoming/in.bin", 10), house.source("here.bin", 10)
    for target, argv in (
        ("paths", (f"paths:{inside}", "bound.bin")),
        ("holds", (str(here), f"holds:{house.home}/bound.bin")),
    ):
        async with house.visit(FILES, target=target):
            ran = await house.run("scp", "-O", "-F", str(house.config), *argv)
        assert ran.status != 0
        assert "pass by SFTP alone" in ran.words
    assert not (house.folder / "bound.bin").exists()
    assert not (house.home / "bound.bin").exists()


async def test_git_and_a_shell_work_where_commands_may_run(house):
    bare = house.home / "repo.git"
    await house.run("git", "init", "-q", "--bare", str(bare))
    identity = {"GIT_AUTHOR_NAME": "Vera", "GIT_AUTHOR_EMAIL": "v@x", "GIT_COMMITTER_NAME": "Vera",
                "GIT_COMMITTER_EMAIL": "v@x", "GIT_SSH_COMMAND": f"ssh -F {house.config}"}  # fmt: skip
    async with house.visit(EXEC):
        cloned = await house.run("git", "clone", "-q", f"files:{bare}", "clone", **identity)
        made = await house.run("git", "-C", "clone", "commit", "-q", "--allow-empty", "-m", "ramp", **identity)
        pushed = await house.run("git", "-C", "clone", "push", "-q", "origin", "HEAD:main", **identity)
    assert (cloned.status, made.status, pushed.status) == (0, 0, 0), cloned.words + made.words + pushed.words
    log = await house.run("git", "-C", str(bare), "log", "--oneline", "main")
    assert "ramp" in log.out
    async with house.visit(FILES):
        refused = await house.run("git", "clone", "-q", f"files:{bare}", "other", **identity)
    assert refused.status != 0
    assert "does not include “exec”" in refused.words
