"""Passwords: long, not the name, argon2id, off the loop and a bounded number at once."""

import asyncio
import threading
from datetime import timedelta

import pytest

from gateway.errors import Invalid, Refused
from gateway.identity import passwords
from gateway.identity.passwords import HASHER, Passwords, accept
from gateway.limits import HASHES_AT_ONCE
from tests.identity.conftest import QUICK


@pytest.mark.parametrize("password", ["twelve chars", "x y" * 80, "ÄÖÜäöüß€¥£ñç", "🔑🔒🗝️🔐🔏🔓🔑🔒🗝️🔐", "1234567890ab"])
def test_length_alone_makes_a_password(password: str):
    assert accept(password, "vera") == password


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 257, "longest.name", " Longest.Name ", "aaaaaaaaaaaa"])
def test_too_short_too_long_and_the_login_name_are_none(password: str):
    with pytest.raises(Invalid) as invalid:
        accept(password, "longest.name")
    assert password.strip() == "" or password.strip() not in invalid.value.words


async def test_only_the_password_itself_is_right():
    it = Passwords(QUICK)
    hashed = await it.hash("correct horse battery")
    assert await it.verify(hashed, "correct horse battery")
    for other in ("correct horse batter", "Correct horse battery", "", "x" * 100_000, "\udcff", "a\x00b"):
        assert not await it.verify(hashed, other)
        assert not await it.verify(None, other)
        assert not await it.verify("no hash at all", other)


async def test_one_spelling_of_two_keyboards():
    it = Passwords(QUICK)
    assert await it.verify(await it.hash("Zu\u0308ndkerze 4000"), "Z\u00fcndkerze 4000")


async def test_nobodys_password_is_nobodys():
    it = Passwords(QUICK)
    assert not await it.verify(None, "nobody's password")


async def test_hashes_are_argon2id_and_salted():
    it = Passwords(HASHER)
    one, other = await it.hash("correct horse battery"), await it.hash("correct horse battery")
    assert one.startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert one != other
    assert HASHER.verify(one, "correct horse battery")


async def test_fifty_at_once_take_turns_and_leave_the_loop_alone(monkeypatch):
    it, running, most, lock = Passwords(QUICK), 0, 0, threading.Lock()
    plain = it._same

    def counted(hashed: str, password: bytes) -> bool:
        nonlocal running, most
        assert threading.current_thread() is not threading.main_thread()
        with lock:
            running += 1
            most = max(most, running)
        try:
            return plain(hashed, password)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(it, "_same", counted)
    hashed = await it.hash("correct horse battery")
    right = await asyncio.gather(*(it.verify(hashed, "correct horse battery") for _ in range(50)))
    assert all(right)
    assert most <= HASHES_AT_ONCE


async def test_who_gets_no_turn_in_time_is_refused_and_the_turns_come_back(monkeypatch):
    it = Passwords(QUICK)
    hashed, busy = await it.hash("correct horse battery"), threading.Event()
    monkeypatch.setattr(passwords, "HASH_WAIT", timedelta(milliseconds=20))
    monkeypatch.setattr(it, "_nobody", hashed)
    plain = it._same
    monkeypatch.setattr(it, "_same", lambda h, p: busy.wait(30) and plain(h, p))
    async with asyncio.TaskGroup() as group:
        slow = [group.create_task(it.verify(hashed, "correct horse battery")) for _ in range(HASHES_AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await it.verify(hashed, "correct horse battery")
        busy.set()
    assert refused.value.code == "busy"
    assert all(t.result() for t in slow)
    assert await it.verify(hashed, "correct horse battery")
