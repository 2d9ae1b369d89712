"""OpenSSH's `sftp` and `scp`: each operation, permitted and refused, and what stays of it."""

import asyncio

import pytest

from gateway.policy.model import Channel
from gateway.recording.model import Kind
from tests.files.house import FILES, sha256

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


async def test_without_any_permission_sftp_and_scp_show_why(house):
    async with house.visit({Channel.SHELL}) as visited:
        ran = await house.sftp("ls")
        copied = await house.run("scp", "-F", str(house.config), "files:/etc/hostname", "stolen")
    assert ran.status != 0
    assert copied.status != 0
    for words in (ran.words, copied.words):
        assert "Your approval does not include “sftp.read”" in words
    assert not (house.folder / "stolen").exists()
    assert visited.ledger() == []


async def test_what_is_fetched_and_brought_is_in_the_ledger_with_its_digest(house):
    there, here = house.remote("out/plan.bin", 700_001), house.source("firmware.bin", 900_001)
    async with house.visit() as visited:
        ran = await house.sftp(f"get {there} got.bin", f"put {here} brought.bin")
    assert ran.status == 0, ran.words
    assert (house.folder / "got.bin").read_bytes() == there.read_bytes()
    assert (house.home / "brought.bin").read_bytes() == here.read_bytes()
    down, up = visited.line(there), visited.line(house.home / "brought.bin")
    assert (down["way"], down["octets"], down["sha256"]) == ("download", 700_001, sha256(there))
    assert (up["way"], up["octets"], up["sha256"]) == ("upload", 900_001, sha256(here))
    for line in (down, up):
        assert (line["verdict"], line["partial"]) == ("passed", False)


async def test_content_is_recorded_by_place_and_length_and_kept_only_where_that_is_obliged(house):
    there = house.remote("secret.txt", 0)
    there.write_bytes(b"the valve's combination is 4711" * 1000)
    kept = {}
    for target in ("files", "copies"):
        async with house.visit(target=target) as visited:
            assert (await house.sftp(f"get {there} got.txt", target=target)).status == 0
        kept[target] = [record.payload for record in visited.records() if record.kind == Kind.BLOCK]
    assert all(len(payload) == len(kept["files"][0]) for payload in kept["files"])
    assert sum(map(len, kept["copies"])) > len(kept["copies"]) * 13 + there.stat().st_size
    assert b"4711" in b"".join(kept["copies"])


async def test_a_transfer_that_goes_on_where_another_stopped_is_partial_with_its_range(house):
    there, here = house.remote("long.bin", 400_000), house.source("up.bin", 400_000)
    (house.folder / "long.bin").write_bytes(there.read_bytes()[:150_000])
    (house.home / "up.bin").write_bytes(here.read_bytes()[:150_000])
    async with house.visit() as visited:
        ran = await house.sftp(f"reget {there} long.bin", f"reput {here} up.bin")
    assert ran.status == 0, ran.words
    assert (house.folder / "long.bin").read_bytes() == there.read_bytes()
    assert (house.home / "up.bin").read_bytes() == here.read_bytes()
    for path in (there, house.home / "up.bin"):
        line = visited.line(path)
        assert (line["partial"], line["ranges"], line["sha256"]) == (True, [[150_000, 400_000]], "")


async def test_everything_else_that_sftp_does_to_files_passes_and_is_on_record(house):
    house.remote("desk/a.txt", 10)
    async with house.visit() as visited:
        ran = await house.sftp(
            "cd desk", "mkdir sub", "rename a.txt b.txt", "ln -s b.txt c.txt", "ln b.txt d.txt", "chmod 600 b.txt",
            "ls -l", "df", "rm c.txt", "rmdir sub", "pwd",
        )  # fmt: skip
    assert ran.status == 0, ran.words
    assert sorted(path.name for path in (house.home / "desk").iterdir()) == ["b.txt", "d.txt"]
    assert "b.txt" in ran.out
    assert "%Capacity" in ran.out
    assert str(house.home / "desk") in ran.out
    asked = str(visited.notes("request"))
    for name in ("a.txt", "b.txt", "c.txt", "d.txt", "sub"):
        assert name in asked


REFUSED = {
    Channel.SFTP_READ: ["get there.txt", "get -r ."],
    Channel.SFTP_WRITE: ["put {here}", "chmod 777 there.txt", "ln -s there.txt link.txt", "ln there.txt hard.txt"],
    Channel.SFTP_DELETE: ["rm there.txt", "rmdir sub"],
    Channel.SFTP_RENAME: ["rename there.txt elsewhere.txt"],
    Channel.SFTP_MKDIR: ["mkdir new"],
}


@pytest.mark.parametrize("missing", REFUSED, ids=str)
async def test_an_operation_that_is_not_permitted_is_refused_in_words_and_changes_nothing(house, missing):
    here = house.source("mine.txt", 10)
    folder = house.remote(f"no-{missing}/there.txt", 10).parent
    (folder / "sub").mkdir()
    before = sorted((path.name, path.stat().st_mode) for path in folder.iterdir())
    async with house.visit(FILES - {missing}):
        lines = [line.format(here=here) for line in REFUSED[missing]]
        ran = await house.sftp(f"cd {folder}", *lines, "ls -l", batch=False)
    assert sorted((path.name, path.stat().st_mode) for path in folder.iterdir()) == before
    assert f"Your approval does not include “{missing}”" in ran.words
    assert "there.txt" in ran.out  # the rest still works
    told = [e for e in await house.events("ssh.channel.refused") if e["kind"] == missing]
    assert any(str(folder) in e["detail"] for e in told), told


async def test_scp_by_sftp_copies_trees_both_ways(house):
    for name in ("a.bin", "deep/b.bin"):
        house.remote(f"tree/{name}", 5_000)
        house.source(f"{name.replace('/', '-')}", 5_000)
    async with house.visit() as visited:
        down = await house.run("scp", "-rp", "-F", str(house.config), f"files:{house.home}/tree", "tree")
        up = await house.run("scp", "-rp", "-F", str(house.config), "tree", f"files:{house.home}/again")
    assert (down.status, up.status) == (0, 0), down.words + up.words
    for name in ("a.bin", "deep/b.bin"):
        original = house.home / "tree" / name
        assert (house.folder / "tree" / name).read_bytes() == original.read_bytes()
        assert (house.home / "again" / name).read_bytes() == original.read_bytes()
        assert visited.line(original)["sha256"] == sha256(original)
        assert visited.line(house.home / "again" / name)["sha256"] == sha256(original)


async def test_security_paths_end_at_the_folder_that_the_policy_names(house):
    """No way out by `..`, by links made before, by links made now, or by renaming."""
    outside = house.remote("outside.txt", 10)
    inside = house.remote("incoming/inside.txt", 10)
    (house.home / "incoming" / "door").symlink_to(house.home)
    async with house.visit(target="paths"):
        ran = await house.sftp(
            f"get {inside} in.txt",
            f"get {outside} out.txt",
            f"get {inside.parent}/../outside.txt out.txt",
            f"get {inside.parent}/door/outside.txt out.txt",
            f"put {inside} {house.home}/incoming/door/planted.txt",
            f"ln -s {outside} {inside.parent}/link.txt",
            f"ln {outside} {inside.parent}/hard.txt",
            f"rename {inside} {house.home}/gone.txt",
            f"rename {outside} {inside.parent}/moved.txt",
            f"ls {house.home}",
            f"mkdir {house.home}/new", target="paths", batch=False,
        )  # fmt: skip
    assert (house.folder / "in.txt").exists(), ran.words
    assert not (house.folder / "out.txt").exists()
    assert sorted(path.name for path in inside.parent.iterdir()) == ["door", "inside.txt"]
    assert not {"planted.txt", "gone.txt", "new"} & {path.name for path in house.home.iterdir()}
    assert f"Your access to files covers {house.home}/incoming" in ran.words
    listed = [line for line in ran.out.splitlines() if not line.startswith(("sftp>", "Fetching", "Uploading"))]
    assert not any("outside.txt" in line for line in listed), listed


async def test_programs_that_open_several_connections_work_in_one_session(house):
    """As WinSCP and FileZilla do: one to browse, more to transfer."""
    there = [house.remote(f"many/{n}.bin", 50_000) for n in range(4)]
    async with house.visit() as visited:
        ran = await asyncio.gather(*(house.sftp(f"get {path} par-{path.name}") for path in there))
        assert len(await visited.sessions()) == 1
    assert [one.status for one in ran] == [0] * 4
    for path in there:
        assert (house.folder / f"par-{path.name}").read_bytes() == path.read_bytes()
        assert visited.line(path)["sha256"] == sha256(path)
