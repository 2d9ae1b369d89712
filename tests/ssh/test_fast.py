"""The quick asyncssh: octets, keys and checks as in stock, also while keys change under a stream."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncssh
import pytest
from asyncssh import connection
from asyncssh.constants import MSG_IGNORE, MSG_KEXINIT

from gateway.fronts.ssh import cork, fast

OCTETS = 64 << 20
REKEY = 1 << 20
GCM = "aes128-gcm@openssh.com"
ETM = "hmac-sha2-256-etm@openssh.com"
PATTERN = bytes(range(256)) * 509  # a length that no packet has


@pytest.fixture(params=[True, False], ids=["fast", "stock"])
def measures(request: pytest.FixtureRequest) -> Iterator[bool]:
    """With our measures, and without."""
    on: bool = request.param
    if on:
        assert fast.install()
        assert cork.install()
    else:
        fast.remove()
    yield on
    cork.remove()
    fast.remove()


@pytest.fixture
def quick() -> Iterator[None]:
    assert fast.install()
    assert cork.install()
    yield
    cork.remove()
    fast.remove()


async def echo(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    """Everything back, then the digest of it on standard error."""
    digest = hashlib.sha256()
    while data := await process.stdin.read(1 << 16):
        digest.update(data)
        process.stdout.write(data)
        await process.stdout.drain()
    process.stderr.write(digest.digest())
    process.exit(0)


@asynccontextmanager
async def pair(cipher: str, rekey: int = REKEY) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A server that echoes and its client, both asking for new keys each `rekey` octets."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    user = asyncssh.generate_private_key("ssh-ed25519")
    authorized = asyncssh.import_authorized_keys(user.export_public_key().decode())
    async with (
        asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], process_factory=echo, encoding=None, config=None,
            authorized_client_keys=authorized, rekey_bytes=rekey, encryption_algs=[cipher], mac_algs=[ETM],
        ) as server,
        asyncssh.connect(
            "127.0.0.1", server.get_port(), client_keys=[user], known_hosts=None, config=None, username="u",
            agent_path=None, rekey_bytes=rekey, encryption_algs=[cipher], mac_algs=[ETM],
        ) as client,
    ):  # fmt: skip
        yield client


async def through(client: asyncssh.SSHClientConnection, octets: int) -> tuple[str, str, str]:
    """Digests: of what was sent, of what the server got, of what came back."""
    process = await client.create_process("echo", encoding=None)
    sent, back = hashlib.sha256(), hashlib.sha256()

    async def send() -> None:
        left = octets
        while left:
            part = PATTERN[:left]
            sent.update(part)
            process.stdin.write(part)
            await process.stdin.drain()
            left -= len(part)
        process.stdin.write_eof()

    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        tasks.create_task(send())
        while data := await process.stdout.read(1 << 16):
            back.update(data)
    there = await process.stderr.read()
    return sent.hexdigest(), there.hex(), back.hexdigest()


async def test_64_mib_come_back_whole_while_keys_change_every_mib(
    measures: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchanges = 0
    begin = connection.SSHConnection._send_kexinit

    def counted(self: connection.SSHConnection) -> None:
        nonlocal exchanges
        exchanges += 1
        begin(self)

    monkeypatch.setattr(connection.SSHConnection, "_send_kexinit", counted)
    octets = OCTETS if measures else OCTETS // 8
    async with pair(GCM) as client:
        sent, there, back = await through(client, octets)
    assert sent == there == back
    assert exchanges >= octets // REKEY


@pytest.mark.parametrize("cipher", [GCM, "aes256-gcm@openssh.com", "aes128-ctr", "chacha20-poly1305@openssh.com"])
async def test_every_cipher_carries_data_with_the_measures(quick: None, cipher: str) -> None:
    async with pair(cipher) as client:
        sent, there, back = await through(client, 3 << 20)
    assert sent == there == back


@pytest.mark.parametrize(("cipher", "kept"), [(GCM, False), ("aes128-ctr", False), ("aes128-cbc", True)])
async def test_ignored_packets_are_left_out_but_for_cbc(
    quick: None, cipher: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: plaintext recovery through the chained IV of CBC, against which they stand."""
    seen: list[int] = []
    process = connection.SSHConnection._process_ignore

    def noted(self: connection.SSHConnection, pkttype: int, *rest: object) -> None:
        seen.append(pkttype)
        process(self, pkttype, *rest)  # type: ignore[arg-type]

    monkeypatch.setitem(connection.SSHConnection._packet_handlers, MSG_IGNORE, noted)
    async with pair(cipher) as client:
        await through(client, 1 << 16)
    assert bool(seen) is kept


class Cutting:
    """Hands a connection what it receives in pieces of a given size."""

    def __init__(self, size: int) -> None:
        self.size = size

    def data_received(self, conn: connection.SSHConnection, data: bytes, datatype: int | None = None) -> None:
        for at in range(0, len(data), self.size):
            cork.data_received(conn, data[at : at + self.size], datatype)


@pytest.mark.parametrize("size", [1, 3, 19, 20, 21, 1000, 40000])
async def test_packets_cut_anywhere_are_put_together_again(
    quick: None, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutting = Cutting(size)
    monkeypatch.setattr(connection.SSHConnection, "data_received", lambda c, d, t=None: cutting.data_received(c, d, t))
    async with pair(GCM, rekey=1 << 15) as client:
        sent, there, back = await through(client, 100_000 if size < 1000 else 2 << 20)
    assert sent == there == back


async def test_a_changed_octet_ends_the_connection_and_delivers_nothing_of_its_packet(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: somebody on the line flips a bit of a packet under AES-GCM."""
    real, armed = cork.data_received, False

    def flipped(self: connection.SSHConnection, data: bytes, datatype: int | None = None) -> None:
        if armed and self.is_client():
            data = data[:-1] + bytes([data[-1] ^ 1])
        real(self, data, datatype)

    monkeypatch.setattr(connection.SSHConnection, "data_received", flipped)
    async with pair(GCM) as client:
        process = await client.create_process("echo", encoding=None)
        armed = True
        process.stdin.write(b"x" * 100)
        with pytest.raises(asyncssh.MACError):
            await process.stdout.read()
        assert process.collect_output() == (b"", b"")


async def test_a_packet_that_claims_to_be_too_long_ends_the_connection_at_once(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a length of 4 GiB makes the gateway keep everything that comes."""
    real, armed = cork.data_received, False

    def long(self: connection.SSHConnection, data: bytes, datatype: int | None = None) -> None:
        real(self, b"\xff\xff\xff\xff" + bytes(60) if armed and self.is_client() else data, datatype)

    monkeypatch.setattr(connection.SSHConnection, "data_received", long)
    async with pair(GCM) as client:
        process = await client.create_process("echo", encoding=None)
        armed = True
        process.stdin.write(b"x")
        with pytest.raises(asyncssh.ProtocolError, match="Max packet size"):
            await process.stdout.read()


async def test_the_reason_of_a_disconnect_still_reaches_the_other_side(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said inside a read waits for its end; the connection ends before that."""
    async with pair(GCM) as client:
        process = await client.create_process("echo", encoding=None)
        with pytest.raises(asyncssh.DisconnectError, match="Key exchange not in progress"):
            client.send_packet(MSG_KEXINIT + 10, b"")
            await process.stdout.read()


def test_a_cipher_of_another_library_stays_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fast.MEASURED, "encrypt_and_sign", "other")
    assert not fast.install()
    assert vars(connection.SSHConnection)["send_packet"] is fast.STOCK["send_packet"]


def test_an_other_asyncssh_stays_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncssh, "__version__", "2.25.0")
    assert not cork.install()
    assert vars(connection.SSHConnection)["_send"] is cork.STOCK["_send"]


def test_a_missing_private_part_stays_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cork, "ATTRIBUTES", (*cork.ATTRIBUTES, "_not_there"))
    assert not cork.install()
    assert vars(connection.SSHConnection)["_send"] is cork.STOCK["_send"]
