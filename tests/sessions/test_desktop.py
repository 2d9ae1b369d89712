"""A desktop at the session core: what passes was recorded, what a pause stops is gone, and there is one console."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.errors import Refused
from gateway.inventory.model import CredentialKind, Protocol
from gateway.policy.model import Channel
from gateway.recording.model import Kind
from gateway.sessions.model import EndReason, NoticeKind, SessionEnded, SessionState
from tests.sessions.site import HOME, MINUTE, PLANT_NET, Site
from tests.sessions.test_faults import disk_of

NOW = timedelta(0)


@pytest.fixture
async def site(site: Site) -> Site:
    await site.desktops()
    return site


async def desktop(site: Site, **wanted):
    connection, heard = await site.inside(**wanted)
    await connection.permit(Channel.DESKTOP)
    stream = connection.open_stream("desktop", {})
    stream.desktop(1024, 768)
    return connection, heard, stream


async def recorded(site: Site, connection) -> list[tuple[str, bytes]]:
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    found = await site.recordings.records(connection.session.id, actor="ada")
    return [(chr(r.kind), r.payload) for r in found.records]


async def test_what_passes_is_in_the_recording_in_its_order(site: Site) -> None:
    connection, _, stream = await desktop(site)
    stream.repaint()
    stream.shown(b"<pdu>")
    stream.repainted()
    assert stream.pressed(b"\x00\x1e")
    assert stream.pointed(b"\x20moved")
    assert stream.clipboard("out", "M3")
    found = [r for r in await recorded(site, connection) if r[0] in "wqpfhut"]
    assert "".join(kind for kind, _ in found) == "wwqpfhut"
    assert dict(found)["p"] == b"<pdu>"
    assert dict(found)["h"] == (2).to_bytes(8, "big")
    (row,) = await site.recordings.find()
    assert (row.protocol, row.target) == ("rdp", "ews-l4")


async def test_pdus_that_go_out_together_are_records_of_their_own_in_one_frame(site: Site) -> None:
    connection, _, stream = await desktop(site)
    live = site.sessions.registry.get(connection.session.id)
    assert live
    assert live.recorder
    before = live.recorder.head.frames
    stream.shown(b"<1>", b"<2>", b"<3>")
    assert live.recorder.head.frames == before + 1
    found = await recorded(site, connection)
    assert [payload for kind, payload in found if kind == "p"] == [b"<1>", b"<2>", b"<3>"]


async def test_who_names_no_account_never_comes_with_one_that_has_no_password(site: Site) -> None:
    target = await site.inventory.target_named("ews-l4")
    await site.inventory.change_account("sam", "ews-l4", target.version, "engineer", CredentialKind.CERTIFICATE)
    connection, _ = await site.inside()
    assert connection.session.account == "service"


async def test_keys_and_mouse_of_a_pause_reach_nobody_and_are_counted_33(site: Site) -> None:
    connection, heard, stream = await desktop(site)
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET, "crane moves")
    assert not stream.pressed(b"\x00\x1e")
    assert not stream.pointed(b"1234567")
    assert not stream.clipboard("in", "not this")
    assert stream.clipboard("out", "seen already")
    stream.shown(b"the target goes on")
    assert [n.kind for n in heard.notices] == [NoticeKind.PAUSED, NoticeKind.DISCARDED]
    await site.sessions.resume(connection.session.id, site.lena, PLANT_NET)
    assert stream.pressed(b"\x00\x1e")
    (resumed,) = await site.events("session.input.resumed")
    assert resumed["discarded"] == 9
    assert all("typ" not in n.words and "Ctrl" not in n.words for n in heard.notices)
    found = await recorded(site, connection)
    assert [payload for kind, payload in found if kind == "x"] == [n.to_bytes(8, "big") for n in (2, 7)]
    assert not any(b"not this" in payload for _, payload in found)


async def test_nothing_is_delivered_that_could_not_be_recorded(site: Site) -> None:
    connection, _, stream = await desktop(site)
    disk_of(site, connection).full = True
    for offer in (stream.repaint, stream.repainted, lambda: stream.shown(b"x"), lambda: stream.desktop(8, 8)):
        with pytest.raises(SessionEnded):
            offer()
    assert not stream.pressed(b"k")
    assert not stream.pointed(b"m")
    assert not stream.clipboard("out", "t")
    assert connection.session.end
    assert connection.session.end.reason is EndReason.RECORDER


async def test_after_its_end_nothing_passes(site: Site) -> None:
    connection, _, stream = await desktop(site)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    with pytest.raises(SessionEnded):
        stream.shown(b"x")
    assert not any((stream.pressed(b"k"), stream.pointed(b"m"), stream.clipboard("in", "t")))


@pytest.mark.parametrize("way", ["pressed", "pointed"])
async def test_keys_and_mouse_count_as_the_persons_input_and_pictures_do_not(site: Site, way: str) -> None:
    site.require(idle=10 * MINUTE)
    connection, heard, stream = await desktop(site)
    for _ in range(3):
        await site.tick(minutes=8)
        assert getattr(stream, way)(b"something")
        assert connection.session.state is SessionState.ACTIVE
    assert site.sessions.last_input(connection.session.id) == site.clock.now()
    await site.tick(minutes=9.5)
    stream.shown(b"a clock on the screen")
    assert "keys or mouse" in heard.words()
    await site.tick(minutes=1)
    assert heard.ends[0].reason is EndReason.IDLE


async def test_whoever_may_only_watch_is_not_idle_while_he_moves(site: Site) -> None:
    site.require(idle=10 * MINUTE)
    connection, heard, stream = await desktop(site)
    for _ in range(3):
        await site.tick(minutes=8)
        stream.stirred()
    assert connection.session.state is SessionState.ACTIVE
    await site.tick(minutes=11)
    assert heard.ends[0].reason is EndReason.IDLE


async def test_who_begins_to_watch_makes_the_front_ask_for_the_whole_picture(site: Site) -> None:
    connection, _, stream = await desktop(site)
    asked: list[str] = []
    connection.on_viewer = lambda: (asked.append("paint"), stream.repaint(), stream.shown(b"all"), stream.repainted())
    async with site.sessions.watch(connection.session.id, site.lena, PLANT_NET) as batches:
        fresh = await anext(batches)
        assert (fresh.fresh, [r.kind for r in fresh.records]) == (True, [Kind.META, Kind.OPEN, Kind.DESKTOP])
        assert asked == ["paint"]
        assert "".join(chr(r.kind) for r in (await anext(batches)).records) == "qpf"


async def test_a_front_that_cannot_ask_for_a_picture_harms_no_viewer(site: Site) -> None:
    connection, _, stream = await desktop(site)

    def broken() -> None:
        raise OSError("socket is closed")

    connection.on_viewer = broken
    async with site.sessions.watch(connection.session.id, site.lena, PLANT_NET) as batches:
        await anext(batches)
        stream.shown(b"x")
        assert (await anext(batches)).records[0].payload == b"x"


async def test_a_channel_of_a_desktop_must_have_been_asked_for(site: Site) -> None:
    connection, _, _ = await desktop(site, channels=frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT}))
    for channel in set(Channel) - {Channel.DESKTOP, Channel.DESKTOP_INPUT}:
        with pytest.raises(Refused):
            await connection.permit(channel)
    await connection.permit(Channel.DESKTOP_INPUT)


async def test_a_desktop_takes_the_console_so_there_is_one_whatever_the_policy_says_c44(site: Site) -> None:
    site.require(concurrency=5)
    grant = await site.grant(site.paul)
    connection, _, _ = await desktop(site)
    await site.release(grant)
    with pytest.raises(Refused) as refused:
        await site.arrive(site.paul)
    assert (refused.value.code, "desktop" in refused.value.words) == ("busy", True)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    assert await (await site.arrive(site.paul)).settled(NOW)


async def test_a_shell_may_run_beside_a_desktop_when_the_policy_allows_two(site: Site) -> None:
    site.require(concurrency=2)
    await desktop(site)
    site.protocol = Protocol.SSH
    await site.release(await site.grant(site.paul))
    connection, _ = await site.enter(site.paul)
    assert connection.session.state is SessionState.ACTIVE


async def test_a_held_person_reads_how_to_leave_a_window(site: Site) -> None:
    await site.grant()
    visit = await site.arrive()
    assert visit.hold
    assert "close this window" in visit.hold.words
    assert "Ctrl-C" not in visit.hold.words


async def test_who_came_too_late_with_a_ticket_is_sent_to_the_page(site: Site) -> None:
    await site.release(await site.grant())
    proofs = site.proofs(site.vera, HOME)
    site.clock.advance(minutes=16)
    with pytest.raises(Refused, match="page") as refused:
        await site.arrive(proofs=proofs)
    assert refused.value.code == "factor_stale"


async def test_the_menu_offers_a_desktop_to_who_may_ask_for_it(site: Site) -> None:
    lines = {line.protocol: str(line.state) for line in await site.sessions.menu(site.vera)}
    assert lines == {Protocol.SSH: "may ask", Protocol.RDP: "may ask"}
    await site.ask()
    lines = {line.protocol: str(line.state) for line in await site.sessions.menu(site.vera)}
    assert lines == {Protocol.SSH: "may ask", Protocol.RDP: "waiting"}


async def test_the_targets_certificate_is_pinned_while_the_session_runs_and_not_afterwards_c52(site: Site) -> None:
    connection, _, _ = await desktop(site)
    await connection.check_certificate(certificate(b"1" * 32))
    await connection.check_certificate(certificate(b"1" * 32))
    with pytest.raises(Refused, match="certificate"):
        await connection.check_certificate(certificate(b"2" * 32))
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    with pytest.raises(Refused):
        await connection.check_certificate(certificate(b"1" * 32))


def certificate(key: bytes) -> bytes:
    private = Ed25519PrivateKey.from_private_bytes(key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ews-l4")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, private.public_key(), 1, begins, begins + timedelta(days=900))
    return made.sign(private, None).public_bytes(Encoding.DER)
