"""Forwards are asked for by the names of services, are shown so, and are bound so by an approval (C56)."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from gateway.access import rules, tables
from gateway.access.model import Wanted
from gateway.errors import Conflict, Refused
from gateway.ids import ServiceId, TargetId
from gateway.inventory.model import Protocol, Service, Target
from gateway.policy.model import Channel
from tests.access.site import EWS, OMAR, STANDARD, Site

FORWARD = frozenset({Channel.SHELL, Channel.FORWARD})
ONLY = frozenset({Channel.FORWARD})
PLC = replace(
    EWS,
    id=TargetId("tgt_plc"),
    name="plc-1",
    services=(
        Service(ServiceId("svc_1"), "plc-program", Protocol.TCP, "192.0.2.5", 102),
        Service(ServiceId("svc_2"), "web", Protocol.TCP, "192.0.2.5", 443),
    ),
    accounts=(),
)
BOTH = replace(EWS, services=(*EWS.services, *PLC.services))


@pytest.fixture
def desk(site: Site) -> Site:
    site.policy.oblige(channels=STANDARD.channels | FORWARD)
    site.places.targets |= {EWS.name: BOTH, PLC.name: PLC}
    site.places.conduits.add(("remote", "cell4", Protocol.TCP))
    return site


async def refusal(desk: Site, **wish: object) -> Refused:
    with pytest.raises(Refused) as refused:
        await desk.asked(**wish)
    return refused.value


async def test_a_forward_is_asked_for_by_name_and_shown_so(desk: Site) -> None:
    request = await desk.asked(channels=FORWARD, services=frozenset({"web"}))
    assert request.wanted.services == {"web"}
    assert desk.policy.asked[-1].services == {"web"}
    (made,) = [e.values() for e in await desk.log("access.request.made")]
    assert made["services"] == ["web"]
    grant = await desk.access.grant((await desk.approve(request)).grant)
    assert grant.wanted == request.wanted


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        ({"channels": FORWARD}, "no_services", "ews-l4 has plc-program, web"),
        ({"channels": FORWARD, "services": {"ssh"}}, "unknown_service", "“ssh”: ews-l4 has plc-program, web"),
        ({"channels": FORWARD, "services": {"web", "x\x1b[2J"}}, "unknown_service", "x\\u001b[2J"),
        ({"services": {"web"}}, "forward_not_asked", "Ask for “forward”, too"),
        ({"channels": ONLY, "services": {"web"}, "protocol": Protocol.TCP}, "forward_by_ssh", "has an SSH service"),
        ({"channels": FORWARD, "services": {"web"}, "protocol": Protocol.RDP}, "channel_not_permitted", "forward"),
    ],
)
async def test_a_forward_to_nothing_in_particular_is_refused_in_words(
    desk: Site, wish: dict[str, object], code: str, words: str
) -> None:
    if wish.get("protocol") is Protocol.RDP:
        desk.policy.oblige(channels=frozenset({Channel.DESKTOP}))
    if "services" in wish:
        wish = {**wish, "services": frozenset(wish["services"])}
    refused = await refusal(desk, **wish)
    assert refused.code == code
    assert words in refused.words


async def test_a_target_without_tcp_services_says_that_it_has_none(desk: Site) -> None:
    desk.places.targets[EWS.name] = EWS
    refused = await refusal(desk, channels=FORWARD, services=frozenset({"web"}))
    assert refused.words == "No tcp service of ews-l4 is called “web”: ews-l4 has none."


async def test_without_a_conduit_for_tcp_there_is_no_forward(desk: Site) -> None:
    desk.places.conduits.discard(("remote", "cell4", Protocol.TCP))
    refused = await refusal(desk, channels=FORWARD, services=frozenset({"web"}))
    assert refused.code == "no_conduit"


async def test_a_controller_is_asked_for_without_an_account_and_usually_for_forwards(desk: Site) -> None:
    request = await desk.asked(target_name="plc-1", protocol=Protocol.TCP, services=frozenset({"plc-program"}))
    assert (request.wanted.account, request.wanted.channels) == ("", ONLY)
    refused = await refusal(desk, target_name="plc-1", channels=FORWARD, services=frozenset({"web"}))
    assert refused.code == "no_service"


async def test_an_approval_of_one_service_is_none_of_another(desk: Site) -> None:
    """Attack 4: the services change under the approver."""
    request = await desk.asked(channels=FORWARD, services=frozenset({"web"}))
    for services in (frozenset({"plc-program"}), frozenset({"web", "plc-program"}), frozenset[str]()):
        digest = replace(request.wanted, services=services).digest()
        assert digest != request.wanted.digest()
        with pytest.raises(Conflict):
            await desk.access.approve(request.id, OMAR, desk.proof(OMAR), digest=digest)


def test_what_was_approved_before_there_were_forwards_has_the_digest_that_it_had() -> None:
    """Made by the release before: an approval must not lose its force with an upgrade."""
    at = datetime(2026, 11, 23, 8, tzinfo=UTC)
    wanted = Wanted(
        TargetId("tgt_ews"), "ews-l4", Protocol.SSH, "engineer", frozenset({Channel.SHELL}), at,
        at + timedelta(hours=2), timedelta(hours=1), "Replace the drive", "WO-4711",
    )  # fmt: skip
    assert wanted.digest() == "57aa47c4a635e5524f2d38e78172588fc8db5af53018fcd8d3852d7ac38d4501"


async def test_a_row_of_the_release_before_is_read_as_what_it_was(desk: Site) -> None:
    request = await desk.asked()
    async with desk.store.write() as tx:
        (row,) = await tx.execute(select(tables.requests.c.wanted, tables.requests.c.obligations))
        assert "services" not in json.loads(row.wanted)
        obligations = json.loads(row.obligations)
        old = {k: v for k, v in obligations.items() if not k.startswith("file_")}
        assert len(old) == len(obligations) - 3
        await tx.execute(update(tables.requests).values(obligations=json.dumps(old)))
    assert await desk.access.request(request.id) == request


@pytest.mark.parametrize(
    ("target", "protocols"),
    [(EWS, [Protocol.SSH, Protocol.RDP]), (BOTH, [Protocol.SSH, Protocol.RDP]), (PLC, [Protocol.TCP])],
)
def test_a_target_is_visited_by_its_shell_where_it_has_one(target: Target, protocols: list[Protocol]) -> None:
    assert rules.protocols(target) == protocols
