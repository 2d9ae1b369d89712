"""Uploads that are held (C62): who may deliver them, where they may go, and what becomes of the others."""

import contextlib
import errno
import hashlib
import os
from pathlib import Path

import pytest

from gateway.access.model import Grant
from gateway.errors import Conflict, NotFound, Refused
from gateway.identity.model import Factor
from gateway.ids import FileId, GrantId
from gateway.limits import HELD_LIFE
from gateway.sessions import held as module
from gateway.sessions import spool as spool_module
from gateway.sessions.connection import Connection
from gateway.sessions.files import Verdict
from gateway.sessions.spool import HEAD
from tests.sessions.site import PLANT_NET, Site
from tests.sessions.test_files import FILES, a_file

CONTENT = b"FIRMWARE" * 20_000


async def uploaded(site: Site, connection: Connection, path: str = "/srv/in/fw.bin") -> FileId:
    """Vera's program has sent a file, and the gateway has it."""
    stream = connection.open_stream("sftp", {})
    assert stream.block(1, 1, 0, len(CONTENT))
    spool = connection.spool()
    spool.write(0, CONTENT)
    digest = await spool.keep()
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    spool.close()
    stream.filed(a_file(path=path, octets=len(CONTENT), sha256=digest, verdict="held"), spool)
    await site.sessions.keeper.persist_files()
    return spool.id


async def held(site: Site):
    site.require(file_hold=True)
    connection, _ = await site.inside(channels=FILES)
    assert connection.obligations.file_hold
    return connection, await uploaded(site, connection)


async def verdict(site: Site, file_id: FileId) -> str:
    return (await site.sessions.held.get(file_id)).passed.verdict


async def deliver(site: Site, file_id: FileId, by=None, **proof):
    by = by or site.omar
    return await site.sessions.held.deliver(file_id, by, site.proof(by, **proof))


async def test_an_upload_goes_to_the_target_when_an_owner_delivered_it_and_is_gone_from_here(site: Site) -> None:
    connection, file_id = await held(site)
    heard: list[str] = []
    connection.on_cleared = lambda: heard.append("cleared")
    assert await connection.cleared() == []
    line = await deliver(site, file_id)
    assert (line.passed.verdict, line.decided_by, heard) == ("cleared", "omar", ["cleared"])
    (ready,) = await connection.cleared()
    spool = await connection.take(ready.passed.id)
    assert spool.read(0, len(CONTENT) + 1) == CONTENT
    spool.close()
    await connection.delivered(file_id)
    assert await verdict(site, file_id) == "delivered"
    assert await connection.cleared() == []
    assert list((site.folder / "held").iterdir()) == []
    moves = [(e["verdict"], e["actor"]) for e in await site.events("session.file.moved")]
    assert moves == [("cleared", "omar"), ("delivered", "omar")]


@pytest.mark.parametrize(
    ("name", "code"), [("vera", "own_upload"), ("paul", "own_organisation"), ("ada", "not_yours"), ("sam", "not_yours")]
)
async def test_nobody_delivers_his_own_or_his_side_s_upload_nor_one_that_he_has_no_say_in(
    site: Site, name: str, code: str
) -> None:
    """Attack: the vendor's second man lets the first one's firmware through."""
    _, file_id = await held(site)
    for attempt in (deliver(site, file_id, getattr(site, name)), withhold(site, file_id, name)):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.code == code
    assert await verdict(site, file_id) == "held"
    assert [(e["actor"], e["attempt"], e["reason"]) for e in await site.events("session.file.refused")] == [
        (name, "deliver", code), (name, "withhold", code)
    ]  # fmt: skip


async def withhold(site: Site, file_id: FileId, name: str):
    return await site.sessions.held.withhold(file_id, getattr(site, name), "not this version", PLANT_NET)


async def test_delivering_takes_a_fresh_code_and_a_password_is_none(site: Site) -> None:
    _, file_id = await held(site)
    stale = site.proof(site.omar)
    site.clock.advance(minutes=3)
    for proof in (stale, site.proof(site.omar, Factor.PASSWORD), site.proof(site.lena)):
        with pytest.raises(Refused) as refused:
            await site.sessions.held.deliver(file_id, site.omar, proof)
        assert refused.value.code == "stale_factor"
    await deliver(site, file_id, site.lena)


async def test_what_is_withheld_is_gone_and_nothing_brings_it_back(site: Site) -> None:
    connection, file_id = await held(site)
    line = await withhold(site, file_id, "lena")
    assert (line.passed.verdict, line.passed.words) == ("withheld", "not this version")
    assert list((site.folder / "held").iterdir()) == []
    for attempt in (deliver(site, file_id), withhold(site, file_id, "omar")):
        with pytest.raises(Conflict, match="it is withheld"):
            await attempt
    with pytest.raises(Refused):
        await connection.take(file_id)


async def test_what_is_withheld_on_its_way_does_not_arrive(site: Site) -> None:
    connection, file_id = await held(site)
    await deliver(site, file_id)
    await withhold(site, file_id, "lena")
    with pytest.raises(Refused) as refused:
        await connection.take(file_id)
    assert refused.value.code == "not_cleared"
    with pytest.raises(Conflict):
        await connection.delivered(file_id)


async def test_what_is_withheld_while_it_is_brought_is_read_no_further(site: Site) -> None:
    """The operator sees late what it is: what he reads is that it never arrives, and so it must not."""
    connection, file_id = await held(site)
    await deliver(site, file_id)
    spool = await connection.take(file_id)
    assert spool.read(0, 8) == CONTENT[:8]
    await withhold(site, file_id, "lena")
    for offset in (8, len(CONTENT)):
        with pytest.raises(Refused) as refused:
            spool.read(offset, 8)
        assert refused.value.code == "not_cleared"


async def test_two_connections_of_a_session_do_not_bring_one_file_at_once(site: Site) -> None:
    """They would write over one another at the target; when the first one fails, the other may."""
    connection, file_id = await held(site)
    other, _ = await site.enter()
    assert other.session.id == connection.session.id
    await deliver(site, file_id)
    first = await connection.take(file_id)
    with pytest.raises(Refused) as refused:
        await other.take(file_id)
    assert refused.value.code == "under_way"
    first.close()
    second = await other.take(file_id)
    assert second.read(0, len(CONTENT)) == CONTENT
    second.close()
    await other.delivered(file_id)
    assert await verdict(site, file_id) == "delivered"


async def test_a_session_of_another_approval_does_not_get_it(site: Site) -> None:
    """Attack: what one approval let in goes out under another, or to another target."""
    site.require(file_hold=True, concurrency=2)
    connection, _ = await site.inside(channels=FILES)
    file_id = await uploaded(site, connection)
    await deliver(site, file_id)
    other, _ = await site.inside(site.paul, channels=FILES)
    assert await other.cleared() == []
    with pytest.raises(Refused, match="another approval"):
        await other.take(file_id)
    assert len(await connection.cleared()) == 1


async def test_nothing_is_delivered_in_a_pause_or_after_the_end(site: Site) -> None:
    """Attack: the way round a pause."""
    connection, file_id = await held(site)
    await deliver(site, file_id)
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    with pytest.raises(Refused, match="paused"):
        await connection.take(file_id)
    with pytest.raises(Refused, match="paused"):
        connection.spool()
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    assert await connection.cleared() == []
    with pytest.raises(Refused):
        await connection.take(file_id)
    assert await verdict(site, file_id) == "cleared"


async def test_the_next_session_of_the_same_approval_takes_it(site: Site) -> None:
    connection, file_id = await held(site)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "lunch")
    await deliver(site, file_id)
    grant = await site.access.grant(connection.session.grant)
    await site.release(grant)
    again, _ = await site.enter()
    assert [line.passed.id for line in await again.cleared()] == [file_id]


async def test_what_was_changed_on_the_disk_is_withheld_instead_of_delivered(site: Site) -> None:
    """Attack: the file is exchanged between the owner's yes and its delivery."""
    connection, file_id = await held(site)
    await deliver(site, file_id)
    (path,) = (site.folder / "held").iterdir()
    octets = bytearray(path.read_bytes())
    octets[HEAD + 100] ^= 1
    path.write_bytes(octets)
    with pytest.raises(Refused) as refused:
        await connection.take(file_id)
    assert refused.value.code == "held_changed"
    assert await verdict(site, file_id) == "withheld"
    assert not [one for one in open_files() if one.startswith(str(path))], "still open"


def open_files() -> list[str]:
    found = list[str]()
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder itself, that was being read
            found.append(str(one.readlink()))
    return found


async def test_a_gateway_that_cannot_open_files_now_withholds_nothing_for_that(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, file_id = await held(site)
    await deliver(site, file_id)

    def no_more(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(spool_module, "Spool", no_more)
        with pytest.raises(Refused) as refused:
            await connection.take(file_id)
    assert refused.value.code == "unavailable"
    assert await verdict(site, file_id) == "cleared"
    (await connection.take(file_id)).close()


async def test_what_is_gone_from_the_disk_is_withheld(site: Site) -> None:
    connection, file_id = await held(site)
    await deliver(site, file_id)
    (path,) = (site.folder / "held").iterdir()
    path.unlink()
    with pytest.raises(Refused) as refused:
        await connection.take(file_id)
    assert refused.value.code == "held_changed"
    assert await verdict(site, file_id) == "withheld"


async def test_what_nobody_decides_about_is_dropped_with_its_approval(site: Site) -> None:
    connection, file_id = await held(site)
    await site.sessions.held.sweep()
    assert await verdict(site, file_id) == "held"
    await site.access.revoke(connection.session.grant, site.omar, "enough", PLANT_NET)
    with pytest.raises(Conflict, match="approval under which"):
        await deliver(site, file_id)
    await site.sessions.held.sweep()
    assert await verdict(site, file_id) == "expired"
    assert list((site.folder / "held").iterdir()) == []


async def test_what_nobody_decides_about_is_dropped_however_much_came_after_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: newer uploads by the hundred keep the old ones on the disk for good."""
    monkeypatch.setattr(module, "PAGE", 1)
    connection, first = await held(site)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "lunch")
    site.clock.advance(seconds=HELD_LIFE.total_seconds())
    later, _ = await site.inside(channels=FILES)
    second = await uploaded(site, later)
    third = await uploaded(site, later)
    await site.sessions.held.sweep()
    assert [await verdict(site, one) for one in (first, second, third)] == ["expired", "held", "held"]
    for file_id in (second, third):
        await deliver(site, file_id)
    assert [line.passed.id for line in await later.cleared()] == [second, third]


async def test_a_name_that_comes_afterwards_is_the_one_it_is_delivered_under(site: Site) -> None:
    """Clients that send under another name first, as WinSCP does."""
    connection, file_id = await held(site)
    await connection.rename_held(file_id, "/srv/in/real.bin")
    await deliver(site, file_id)
    (line,) = await connection.cleared()
    assert line.passed.path == "/srv/in/real.bin"
    with pytest.raises(Conflict):
        await connection.rename_held(file_id, "/etc/passwd")  # the yes was for another name


async def test_a_yes_that_a_new_name_overtakes_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: the sender renames the file while the owner's yes is on its way."""
    connection, file_id = await held(site)
    grant = site.access.grant

    async def renamed_meanwhile(grant_id: GrantId) -> Grant:
        await connection.rename_held(file_id, "/etc/cron.d/x")
        return await grant(grant_id)

    monkeypatch.setattr(site.access, "grant", renamed_meanwhile)
    with pytest.raises(Conflict, match="Read it again"):
        await deliver(site, file_id)
    assert await verdict(site, file_id) == "held"
    assert await connection.cleared() == []


async def test_who_sent_it_takes_it_back_and_nobody_else_s(site: Site) -> None:
    site.require(file_hold=True, concurrency=2)
    connection, _ = await site.inside(channels=FILES)
    file_id = await uploaded(site, connection)
    other, _ = await site.inside(site.paul, channels=FILES)
    with pytest.raises(NotFound):
        await other.remove_held(file_id)
    with pytest.raises(NotFound):
        await other.rename_held(file_id, "/srv/in/x")
    await connection.remove_held(file_id)
    assert await verdict(site, file_id) == Verdict.WITHHELD


async def test_after_a_crash_what_is_held_is_held_and_what_was_half_sent_is_gone(site: Site) -> None:
    connection, file_id = await held(site)
    half = connection.spool()
    half.write(0, b"half")
    half.close()
    assert len(list((site.folder / "held").iterdir())) == 2
    await site.restart().recover()
    assert [p.name for p in (site.folder / "held").iterdir()] == [f"{file_id}.held"]
    await deliver(site, file_id)


async def test_without_a_place_to_keep_them_uploads_are_refused(site: Site) -> None:
    connection, _ = await site.inside(channels=FILES)
    site.sessions.held._spools = None
    with pytest.raises(Refused, match="keeps none"):
        connection.spool()
