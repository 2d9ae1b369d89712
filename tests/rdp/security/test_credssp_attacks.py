"""Attacks on the sign-in, by number of security.md and by name: the acceptor is FAILED, or the password stays home."""

import contextlib
import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp import der, ntlm
from gateway.rdp.credssp import CredsspAcceptor, CredsspFailure, CredsspInitiator, CredsspState
from gateway.rdp.credssp_messages import TsRequest, server_binding
from gateway.rdp.ntlm import NtlmInitiator, Sealing
from gateway.rdp.ntlm_messages import MIC_OFFSET, Authenticate, AvId, Challenge, NegotiateFlag
from gateway.rdp.spnego import NTLM_OID, NegState, init, response
from tests.rdp.security.lines import TIME, acceptor, initiator

KEY, OTHER_KEY = bytes(range(200)), bytes(range(1, 201))
ID, SECRET = "k7q2m9x4ab", "s3cr3t"
KERBEROS_OID = bytes.fromhex("2a864886f712010202")


def to_authenticate(client: CredsspInitiator, server: CredsspAcceptor) -> TsRequest:
    """Go on to the client's AUTHENTICATE, which is not delivered."""
    server.receive(client.data_to_send())
    client.receive(server.data_to_send())
    return TsRequest.decode(client.data_to_send())


def answer_to(user: str, password: str) -> tuple[bytes, CredsspAcceptor]:
    server = acceptor(KEY, {ID: SECRET})
    server.receive(to_authenticate(initiator(KEY, user, password), server).encode())
    return server.data_to_send(), server


def test_a_wrong_user_and_a_wrong_secret_get_the_same_answer() -> None:
    """Attack: which tickets exist."""
    wrong_user, wrong_secret = answer_to("nobody", SECRET), answer_to(ID, "wrong")
    assert wrong_user[0] == wrong_secret[0] == TsRequest(6, error=0xC000006D).encode()
    assert wrong_user[1].failure is wrong_secret[1].failure is CredsspFailure.SECRET


def test_an_unknown_user_costs_the_same_work_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: which tickets exist, by the clock. The work is counted, not timed."""
    calls: list[int] = []
    digest = ntlm.hmac.digest

    def counted(key: bytes, data: bytes, name: str) -> bytes:
        calls.append(len(data))
        return digest(key, data, name)

    work = []
    for user, password in (("nobody12ab", SECRET), (ID, "wrong")):
        server = acceptor(KEY, {ID: SECRET})
        request = to_authenticate(initiator(KEY, user, password), server)
        with monkeypatch.context() as patched:
            patched.setattr(ntlm.hmac, "digest", counted)
            calls.clear()
            server.receive(request.encode())
        work.append(tuple(calls))
    assert work[0] == work[1]
    assert len(work[0]) == 4


def test_a_user_that_nobody_is_does_not_come_in_with_any_hash() -> None:
    """Attack: the hash that stands in for an unknown user is guessed (here: given by the test's randomness)."""
    password_hash = ntlm.nt_hash(SECRET)
    server = CredsspAcceptor(KEY, lambda _: None, random=lambda n: (password_hash * 2)[:n], time=TIME)
    server.receive(to_authenticate(initiator(KEY, "nobody", SECRET), server).encode())
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.SECRET)


def test_a_replayed_authenticate_is_refused_by_another_challenge() -> None:
    """Attack: replay of a whole sign-in."""
    client, server = initiator(KEY, ID, SECRET), acceptor(KEY, {ID: SECRET})
    first = client.data_to_send()
    server.receive(first)
    client.receive(server.data_to_send())
    second = client.data_to_send()
    server.receive(second)
    assert server.state is CredsspState.CREDENTIALS

    again = acceptor(KEY, {ID: SECRET})
    again.receive(first)
    again.receive(second)
    assert (again.state, again.failure) == (CredsspState.FAILED, CredsspFailure.SECRET)


def test_a_second_authenticate_on_the_same_connection_is_refused() -> None:
    """Attack: guess again against the same challenge, or change the user after it was believed."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    request = to_authenticate(client, server)
    server.receive(replace(request, pub_key_auth=b"", nonce=b"").encode())
    assert server.state is CredsspState.BINDING
    with pytest.raises(RemoteProtocolError, match="after the last one"):
        server.receive(request.encode())
    assert server.state is CredsspState.FAILED


def test_after_a_wrong_secret_nothing_is_heard_any_more() -> None:
    """Attack 73, CVE-2026-73241: going on after a failure."""
    _, server = answer_to(ID, "wrong")
    good = initiator(KEY, ID, SECRET)
    server.receive(good.data_to_send())
    assert (server.state, server.data_to_send()) == (CredsspState.FAILED, b"")


@pytest.mark.parametrize("mic", [bytes(16), secrets.token_bytes(16)], ids=["zero", "random"])
def test_a_stripped_mic_is_refused(mic: bytes) -> None:
    """Attack: CVE-2019-1040, drop the MIC."""
    server = acceptor(KEY, {ID: SECRET})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    token = request.token[:MIC_OFFSET] + mic + request.token[MIC_OFFSET + 16 :]
    server.receive(replace(request, token=token).encode())
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.SECRET)


def test_a_mic_that_the_client_does_not_announce_is_refused() -> None:
    """Attack: CVE-2019-1040, drop the MIC and the flag that says there is one. The proof covers the flag besides."""
    server = acceptor(KEY, {ID: SECRET})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    flag = bytes((AvId.FLAGS, 0, 4, 0, 2))
    assert flag in request.token
    with pytest.raises(RemoteProtocolError, match="no MIC"):
        server.receive(replace(request, token=request.token.replace(flag, flag[:-1] + b"\0")).encode())
    assert server.state is CredsspState.FAILED


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_octet_of_the_authenticate_can_be_changed(place: int, flipped: int) -> None:
    """Attack: change user, domain, flags or blob on the way."""
    server = acceptor(KEY, {ID: SECRET})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    token = bytearray(request.token)
    token[place % len(token)] ^= flipped
    with contextlib.suppress(RemoteProtocolError):
        server.receive(replace(request, token=bytes(token)).encode())
    assert server.state is CredsspState.FAILED


def test_a_weakened_challenge_is_noticed_by_the_mic() -> None:
    """Attack: downgrade NTLM's flags between client and gateway."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    server.receive(client.data_to_send())
    request = TsRequest.decode(server.data_to_send())
    challenge = Challenge.decode(request.token)
    weaker = replace(challenge, flags=challenge.flags & ~NegotiateFlag.ALWAYS_SIGN)
    client.receive(replace(request, token=weaker.encode()).encode())
    server.receive(client.data_to_send())
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.SECRET)


def test_the_client_refuses_a_challenge_without_sealing() -> None:
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    server.receive(client.data_to_send())
    request = TsRequest.decode(server.data_to_send())
    weaker = replace(Challenge.decode(request.token), flags=NegotiateFlag.UNICODE)
    with pytest.raises(RemoteProtocolError, match="missing"):
        client.receive(replace(request, token=weaker.encode()).encode())
    assert client.state is CredsspState.FAILED


def test_a_client_that_saw_another_key_is_not_let_in() -> None:
    """Attack 71, CVE-2018-0886: somebody between the client and the gateway with a certificate of his own."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(OTHER_KEY, ID, SECRET)
    server.receive(to_authenticate(client, server).encode())
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.BINDING)
    client.receive(server.data_to_send())
    assert client.state is CredsspState.FAILED


def test_a_target_that_binds_another_key_never_gets_the_password() -> None:
    """Attack 71, CVE-2018-0886, towards a target: it even knows the secret, but its certificate is not the one seen."""
    side, client = ntlm.NtlmAcceptor(random=secrets.token_bytes, time=TIME), initiator(KEY, ID, SECRET)
    challenge = side.challenge(TsRequest.decode(client.data_to_send()).token)
    client.receive(TsRequest(6, token=challenge).encode())
    request = TsRequest.decode(client.data_to_send())
    side.read(request.token)
    sealing = side.verify(ntlm.nt_hash(SECRET))
    assert sealing is not None
    sealing.unwrap(request.pub_key_auth)
    answer = sealing.wrap(server_binding(6, request.nonce, OTHER_KEY))
    with pytest.raises(RemoteProtocolError, match="another key"):
        client.receive(TsRequest(6, pub_key_auth=answer).encode())
    assert (client.state, client.data_to_send()) == (CredsspState.FAILED, b"")


@pytest.mark.parametrize("which", ["reflected", "random"])
def test_the_password_stays_when_the_answer_is_not_the_targets(which: str) -> None:
    """Attack 71: the answer is our own message sent back, or noise."""
    target, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    request = to_authenticate(client, target)
    answer = request.pub_key_auth if which == "reflected" else secrets.token_bytes(48)
    with pytest.raises(RemoteProtocolError, match="signature"):
        client.receive(TsRequest(6, pub_key_auth=answer).encode())
    assert (client.state, client.data_to_send()) == (CredsspState.FAILED, b"")


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_client_without_the_nonce_is_refused(version: int) -> None:
    """Attack: downgrade to the binding before CVE-2018-0886 was repaired."""
    server = acceptor(KEY, {ID: SECRET})
    first = TsRequest.decode(initiator(KEY, ID, SECRET).data_to_send())
    server.receive(replace(first, version=version).encode())
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.VERSION)


def test_the_version_cannot_change_on_the_way() -> None:
    """Attack: version 6 first, 5 when it counts."""
    server = acceptor(KEY, {ID: SECRET})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    with pytest.raises(RemoteProtocolError, match="version 5 after 6"):
        server.receive(replace(request, version=5).encode())
    assert server.state is CredsspState.FAILED


def test_a_target_cannot_fall_back_to_the_old_binding_on_the_way() -> None:
    target, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    target.receive(to_authenticate(client, target).encode())
    answer = TsRequest.decode(target.data_to_send())
    with pytest.raises(RemoteProtocolError, match="version 4"):
        client.receive(replace(answer, version=4).encode())


@pytest.mark.parametrize("nonce", [b"", bytes(16)])
def test_a_binding_without_a_whole_nonce_is_refused(nonce: bytes) -> None:
    server = acceptor(KEY, {ID: SECRET})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    with pytest.raises(RemoteProtocolError, match="nonce"):
        server.receive(replace(request, nonce=nonce).encode())


@pytest.mark.parametrize("state", ["first", "second", "third"])
def test_credentials_before_their_time_are_refused(state: str) -> None:
    """Attack 73: authInfo in place of the sign-in."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    if state != "first":
        request = to_authenticate(client, server)
        if state == "third":
            server.receive(replace(request, pub_key_auth=b"", nonce=b"").encode())
    with pytest.raises(RemoteProtocolError, match="must come now"):
        server.receive(TsRequest(6, auth_info=bytes(40)).encode())
    assert server.state is CredsspState.FAILED


def test_credentials_under_another_seal_are_refused() -> None:
    """Attack: go on with a session that somebody else opened; what is sent is not looked at, its seal is."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    server.receive(to_authenticate(client, server).encode())
    with pytest.raises(RemoteProtocolError, match="signature"):
        server.receive(TsRequest(6, auth_info=secrets.token_bytes(80)).encode())
    assert server.state is CredsspState.FAILED


@pytest.mark.parametrize("user", ["a\0b", "\x1b[2J", "two\nlines"])
def test_a_user_with_control_characters_is_refused(user: str) -> None:
    """Attack 72: into the log, the audit or the store."""
    server = acceptor(KEY, {user: SECRET})
    request = to_authenticate(initiator(KEY, user, SECRET), server)
    with pytest.raises(RemoteProtocolError, match="control characters"):
        server.receive(request.encode())


def test_an_anonymous_response_is_refused() -> None:
    server = acceptor(KEY, {"": ""})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    message = Authenticate.decode(request.token)
    empty = replace(message, user="", nt=b"", key=b"", flags=message.flags | NegotiateFlag.ANONYMOUS)
    with pytest.raises(RemoteProtocolError, match="not NTLMv2"):
        server.receive(replace(request, token=empty.encode()).encode())


def test_an_answer_of_ntlm_version_1_is_refused() -> None:
    server = acceptor(KEY, {ID: SECRET})
    request = to_authenticate(initiator(KEY, ID, SECRET), server)
    old = replace(Authenticate.decode(request.token), nt=bytes(24))
    with pytest.raises(RemoteProtocolError, match="24 octets is not NTLMv2"):
        server.receive(replace(request, token=old.encode()).encode())


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1", bytes.fromhex("3084ffffffff"), bytes.fromhex("308400010001"), b"\x03\0\0\x13"]
)
def test_octets_that_begin_no_request_end_it_at_once(junk: bytes) -> None:
    """Attack 76: lengths of gigabytes, other protocols."""
    server = acceptor(KEY, {ID: SECRET})
    with pytest.raises(RemoteProtocolError):
        server.receive(junk)
    assert server.state is CredsspState.FAILED


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_anything_at_all_is_an_answer_or_refused(pieces: list[bytes]) -> None:
    for side in (acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)):
        try:
            for piece in pieces:
                side.receive(b"\x30" + bytes((len(piece) & 0x7F,)) + piece)
        except RemoteProtocolError:
            assert side.state is CredsspState.FAILED
        assert side.state is not CredsspState.DONE


@given(st.integers(0, 2), st.integers(0, 600), st.integers(1, 255))
def test_a_changed_octet_anywhere_leaves_nobody_in_by_mistake(message: int, place: int, flipped: int) -> None:
    """Whatever is changed: it is refused, or it was an octet that says nothing."""
    server, client = acceptor(KEY, {ID: SECRET}), initiator(KEY, ID, SECRET)
    with contextlib.suppress(RemoteProtocolError):
        for number in range(3):
            octets = bytearray(client.data_to_send())
            if number == message:
                octets[place % len(octets)] ^= flipped
            server.receive(bytes(octets))
            client.receive(server.data_to_send())
    if server.state is CredsspState.DONE:
        assert server.user == ID


class Wrapped:
    """A client that prefers Kerberos and speaks NTLM inside SPNEGO, step by step."""

    def __init__(self, mechanisms: tuple[bytes, ...]) -> None:
        listed = (der.element(der.OBJECT_IDENTIFIER, mechanism) for mechanism in mechanisms)
        self.mechanisms = der.sequence(*listed)
        self.ntlm = NtlmInitiator(ID, "", SECRET, random=secrets.token_bytes, time=TIME)
        self.server = acceptor(KEY, {ID: SECRET})

    def send(self, token: bytes) -> bytes:
        self.server.receive(TsRequest(6, token=token).encode())
        return TsRequest.decode(self.server.data_to_send()).token

    def to_authenticate(self) -> bytes:
        redirected = self.send(init(self.mechanisms, b"a Kerberos ticket"))
        assert redirected == response(NegState.REQUEST_MIC, mechanism=NTLM_OID)
        told = self.send(response(token=self.ntlm.step(b"")))
        return self.ntlm.step(told[told.index(b"NTLMSSP\0") :])


def test_a_client_that_prefers_kerberos_is_led_to_ntlm() -> None:
    client = Wrapped((KERBEROS_OID, NTLM_OID))
    authenticate = client.to_authenticate()
    sealing: Sealing = client.ntlm.sealing
    last = client.send(response(token=authenticate, mic=sealing.mechanism_mic(client.mechanisms)))
    assert client.server.state is CredsspState.BINDING
    assert sealing.check_mechanism_mic(client.mechanisms, last[-16:])


@pytest.mark.parametrize("mic", ["none", "another list"])
def test_a_changed_list_of_mechanisms_is_noticed(mic: str) -> None:
    """Attack: take Kerberos out of the client's list on the way (RFC 4178, section 7)."""
    client = Wrapped((KERBEROS_OID, NTLM_OID))
    authenticate = client.to_authenticate()
    signed = client.ntlm.sealing.mechanism_mic(client.mechanisms[:-1]) if mic != "none" else b""
    with pytest.raises(RemoteProtocolError, match="mechListMIC"):
        client.send(response(token=authenticate, mic=signed))
    assert client.server.state is CredsspState.FAILED


def test_an_offer_without_ntlm_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="not among"):
        Wrapped((KERBEROS_OID,)).to_authenticate()


def test_a_client_is_redirected_once() -> None:
    client = Wrapped((KERBEROS_OID, NTLM_OID))
    client.send(init(client.mechanisms, b""))
    with pytest.raises(RemoteProtocolError, match="again"):
        client.send(der.explicit(1, der.sequence(der.explicit(2, der.octets(b"")))))
