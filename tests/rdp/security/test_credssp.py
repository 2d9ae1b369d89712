"""CredSSP without a network: ours against ours, and each side against pyspnego."""

import secrets
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError
from gateway.rdp.credssp import CredsspAcceptor, CredsspFailure, CredsspState, filetime, nt_hash, subject_public_key
from tests.rdp.security.lines import TIME, acceptor, certificate, initiator
from tests.rdp.security.spnego_peer import Client, Server

KEY = bytes(range(200))
ID, SECRET = "k7q2m9x4ab", "s3cr3t"


def talk(user: str, password: str, *, domain: str = "", slices: int = 65536) -> tuple[CredsspAcceptor, object]:
    """Ours with ours, `slices` octets at a time."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, user, password, domain)
    while octets := client.data_to_send():
        for start in range(0, len(octets), slices):
            server.receive(octets[start : start + slices])
        if answer := server.data_to_send():
            client.receive(answer)
    return server, client


@given(st.integers(1, 400))
def test_both_sides_are_done_however_the_octets_are_sliced(slices: int) -> None:
    server, client = talk(ID, SECRET, slices=slices)
    assert (server.state, client.state) == (CredsspState.DONE, CredsspState.DONE)
    assert server.user == ID


@pytest.mark.parametrize(("user", "domain"), [(ID, "PLANT"), (f"PLANT\\{ID}", ""), (f"{ID}@plant.test", "")])
def test_the_domain_is_cut_from_the_user(user: str, domain: str) -> None:
    server, _ = talk(user, SECRET, domain=domain)
    assert (server.state, server.user) == (CredsspState.DONE, ID)


def test_a_wrong_secret_ends_with_logon_failure() -> None:
    server, client = talk(ID, "wrong")
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.SECRET)
    assert client.failure == 0xC000006D


def test_octets_after_the_last_request_are_handed_on() -> None:
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    for _ in range(2):
        server.receive(client.data_to_send())
        client.receive(server.data_to_send())
    server.receive(client.data_to_send() + b"\3\0\0\7")
    server.receive(b"more")
    assert (server.state, server.rest) == (CredsspState.DONE, b"\3\0\0\7more")


def test_the_shell_may_look_the_secret_up_by_itself() -> None:
    server = CredsspAcceptor(KEY, random=secrets.token_bytes, time=TIME)
    client = initiator(KEY, ID, SECRET)
    with pytest.raises(LocalProtocolError):
        server.secret(nt_hash(SECRET))
    server.receive(client.data_to_send())
    client.receive(server.data_to_send())
    server.receive(client.data_to_send())
    assert (server.state, server.user, server.data_to_send()) == (CredsspState.SECRET, ID, b"")
    server.secret(nt_hash(SECRET))
    client.receive(server.data_to_send())
    server.receive(client.data_to_send())
    assert (server.state, client.state) == (CredsspState.DONE, CredsspState.DONE)


@pytest.mark.parametrize("at_once", [True, False], ids=["key with the last token", "key after it"])
@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_pyspnego_comes_in_bare_and_inside_spnego(protocol: str, at_once: bool) -> None:
    server = acceptor(KEY, {ID: SECRET})
    client = Client(KEY, ID, SECRET, protocol, at_once=at_once)
    octets = client.start()
    while octets:
        server.receive(octets)
        answer = server.data_to_send()
        octets = client.answer(answer) if answer else b""
    assert (server.state, client.bound, server.user) == (CredsspState.DONE, True, ID)


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@pytest.mark.parametrize(("user", "password"), [(ID, "wrong"), ("nobody", SECRET)])
def test_pyspnego_with_a_wrong_ticket_hears_logon_failure(protocol: str, user: str, password: str) -> None:
    server = acceptor(KEY, {ID: SECRET})
    client = Client(KEY, user, password, protocol, at_once=True)
    octets = client.start()
    while octets:
        server.receive(octets)
        octets = client.answer(server.data_to_send())
    assert (server.failure, client.error, client.bound) == (CredsspFailure.SECRET, 0xC000006D, False)


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6, 7])
def test_pyspnego_as_a_target_gets_the_password(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(f"PLANT:svc_real:{SECRET}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(accounts))
    target, ours = Server(KEY, version), initiator(KEY, "svc_real", SECRET, "PLANT")
    while octets := ours.data_to_send():
        if answer := target.answer(octets):
            ours.receive(answer)
    assert ours.state is CredsspState.DONE
    assert target.credentials is not None
    assert (target.credentials.domain_name, target.credentials.username) == ("PLANT", "svc_real")
    assert target.credentials.password == SECRET


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_the_bits_are_those_of_the_certificates_key(kind: str, tmp_path: Path) -> None:
    der = certificate(tmp_path, kind).der
    key = x509.load_der_x509_certificate(der).public_key()
    encoding = (Encoding.DER, PublicFormat.PKCS1) if kind == "rsa" else (Encoding.X962, PublicFormat.UncompressedPoint)
    assert subject_public_key(der) == key.public_bytes(*encoding)


def test_filetime_counts_from_1601() -> None:
    assert int.from_bytes(filetime(0), "little") == 116_444_736_000_000_000
    assert int.from_bytes(filetime(1), "little") - int.from_bytes(filetime(0), "little") == 10_000_000
