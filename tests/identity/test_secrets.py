"""What a thief of the database has: nothing that opens a door (abuse cases 66 and 67)."""

import base64
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway.envelope import Envelope, SealBroken
from gateway.errors import Refused
from gateway.identity.passwords import Passwords
from gateway.identity.service import Identity
from gateway.identity.sql import credentials
from tests.identity.conftest import HOME, PASSWORD, QUICK, Site

CANARY = "canary-6b1f0c password"


async def test_67_no_password_seed_token_or_code_is_in_the_bytes_of_the_store(site: Site, tmp_path: Path):
    sam = site.persons["sam"]
    _, used = await site.identity.add_person(sam, "vik", "Vik", "drives", {"vendor"})
    await site.enrol("vik", used, CANARY)
    _, open_ = await site.identity.add_person(sam, "pia", "Pia", "drives", {"vendor"})
    begun = await site.identity.enrol(open_, CANARY + "2")
    code = site.next_code("vik")
    person, proofs = await site.identity.sign_in("vik", CANARY, code, HOME)
    cookie, sign_in = await site.identity.open_sign_in(person, proofs, HOME, "browser")
    for wrong in (CANARY + "3", "4" + CANARY):
        with pytest.raises(Refused):
            await site.identity.sign_in("vik", wrong, site.wrong_code("vik"), HOME)
    await site.store.close()
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"identity.sign_in.opened" in written
    assert b"$argon2id$" in written
    secrets = [CANARY, used, open_, cookie, sign_in.csrf, begun.secret, site.seeds["vik"], site.seeds["vera"]]
    for secret in secrets:
        assert secret.encode() not in written
        assert base64.b64encode(secret.encode()).rstrip(b"=") not in written
    for seed in (begun.secret, site.seeds["vik"]):
        assert base64.b32decode(seed) not in written
    assert f'"{code}"'.encode() not in written


async def test_67_a_seed_opens_only_with_the_master_key_and_for_its_person(site: Site):
    thief = Identity(
        site.store, site.audit, site.clock, Envelope(bytes(31) + b"\x01"), "Kiln 4", passwords=Passwords(QUICK)
    )
    with pytest.raises(SealBroken):
        await thief.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    async with site.store.write() as tx:  # the thief writes his own sealed seed over Sam's
        mine = select(credentials.c.seed).where(credentials.c.person == site.persons["vera"].id).scalar_subquery()
        await tx.execute(update(credentials).where(credentials.c.person == site.persons["sam"].id).values(seed=mine))
    with pytest.raises(SealBroken):
        await site.identity.sign_in("sam", PASSWORD, site.code("vera"), HOME)


async def test_66_no_secret_is_in_a_refusal(site: Site):
    for password, code in ((CANARY, "424242"), (PASSWORD, "424242")):
        with pytest.raises(Refused) as refused:
            await site.identity.sign_in("vera", password, code, HOME)
        said = f"{refused.value!r} {refused.value} {refused.value.words} {refused.value.detail} {refused.value.rule}"
        assert CANARY not in said
        assert PASSWORD not in said
        assert "424242" not in said
