"""Which typed input can be read later, and which nobody can ever read (abuse case 83)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recording.echo import QUIET_US, Echo
from gateway.recording.format import BURST, burst_nonce, burst_purpose

SECOND = 1_000_000


class Typist:
    """Types and sees; `read()` is what the recording's reader can open."""

    def __init__(self) -> None:
        self.echo, self.now, self.sealed, self.keys = Echo(1), 0, [], {}

    def types(self, data: bytes) -> "Typist":
        sealed, keys = self.echo.typed(data, self.now)
        self.sealed += sealed
        return self._keep(keys)

    def sees(self, data: bytes) -> "Typist":
        return self._keep(self.echo.shown(data, self.now))

    def waits(self, us: int) -> "Typist":
        self.now += us
        return self._keep(self.echo.passed(self.now))

    def echoed(self, text: bytes) -> "Typist":
        for octet in text:
            self.types(bytes([octet])).sees(bytes([octet]) if octet != 13 else b"\r\n")
        return self

    def closes(self) -> "Typist":
        return self._keep(self.echo.close())

    def _keep(self, keys: list[bytes]) -> "Typist":
        self.keys |= {BURST.unpack_from(k)[0]: k[4:] for k in keys}
        return self

    def read(self) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        plain = b""
        for payload in self.sealed:
            burst, place = BURST.unpack_from(payload)[0], BURST.unpack_from(payload, 4)[0]
            if burst in self.keys:
                aead = AESGCM(self.keys[burst])
                plain += aead.decrypt(burst_nonce(place), payload[8:], burst_purpose(1, burst))
        return plain


def test_a_command_that_was_echoed_can_be_read() -> None:
    assert Typist().echoed(b"ls -l\r").read() == b"ls -l\r"


def test_a_password_at_a_prompt_without_echo_cannot_be_read__abuse_case_83() -> None:
    person = Typist().echoed(b"sudo -i\r").sees(b"[sudo] password for engineer: ")
    for octet in b"hunter2\r":
        person.types(bytes([octet])).waits(SECOND // 5)
    person.sees(b"\r\nroot@ews:~# ").waits(10 * SECOND).echoed(b"id\r").closes()
    assert person.read() == b"sudo -i\rid\r"


@pytest.mark.parametrize(
    "answer", [b"\r\nSorry, try again.\r\n", b"Sorry\r\n", b"hunter\r\n", b"*******\r\n", b"\x1b[31mdenied", b"h*"]
)
def test_what_a_program_prints_after_a_password_is_no_echo_of_it(answer: bytes) -> None:
    assert Typist().types(b"hunter2\r").sees(answer).waits(3 * SECOND).closes().read() == b""


def test_a_password_typed_slowly_stays_hidden_even_where_the_output_begins_alike() -> None:
    person = Typist()
    for octet in b"Sesame":
        person.types(bytes([octet])).waits(QUIET_US)
    person.types(b"\r").sees(b"\r\nSesame street").waits(3 * SECOND)
    assert person.closes().read() == b""


def test_a_pasted_command_is_readable_and_the_password_pasted_behind_it_is_not() -> None:
    person = Typist().types(b"sudo -i\rhunter2\r").sees(b"sudo -i\r\n[sudo] password: ").sees(b"\r\n# ")
    assert person.waits(3 * SECOND).closes().read() == b"sudo -i\r"


def test_an_echo_may_be_coloured_and_come_in_pieces() -> None:
    person = Typist().types(b"l").sees(b"\x1b[32ml").types(b"s").sees(b"\x1b[0m").sees(b"s").types(b"\r")
    assert person.read() == b"ls\r"


def test_a_line_editor_that_shows_the_line_again_counts_as_echo() -> None:
    person = Typist().types(b"l").sees(b"l").types(b"s").sees(b"\b\x1b[32mls\x1b[0m").types(b"\r")
    assert person.read() == b"ls\r"


def test_an_echo_that_comes_too_late_is_none() -> None:
    assert Typist().types(b"ls\r").waits(QUIET_US).sees(b"ls\r\n").closes().read() == b""


def test_the_echo_of_a_fast_typist_on_a_slow_line_counts() -> None:
    assert Typist().types(b"ls\r").waits(SECOND).sees(b"ls\r\n").read() == b"ls\r"


def test_letters_beyond_ascii_count_by_their_octets() -> None:
    assert Typist().types("grüß\r".encode()).sees(b"gr\xc3").sees("üß\r\n".encode()[1:]).read() == "grüß\r".encode()


def test_what_was_not_recorded_is_never_readable() -> None:
    person = Typist().types(b"ab")
    person.echo.lost()
    assert person.sees(b"ab").types(b"\r").closes().read() == b""


def test_a_password_that_the_next_message_begins_with_stays_hidden() -> None:
    """`So`, and sudo says `Sorry` on the next line: a new line came before, so that is no echo."""
    assert Typist().types(b"So\r").sees(b"\r\nSorry, try again.").waits(3 * SECOND).closes().read() == b""


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"]), min_size=1)
RHYTHM = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=40)


@given(secret=PRINTABLE, rhythm=RHYTHM, after=st.text(max_size=30))
def test_no_password_is_readable_in_whatever_rhythm_it_is_typed__abuse_case_83(
    secret: str, rhythm: list[int], after: str
) -> None:
    person = Typist().sees(b"Password: ")
    for n, octet in enumerate(secret.encode() + b"\r"):
        person.types(bytes([octet])).waits(rhythm[n % len(rhythm)])
    person.sees(b"\r\n" + after.encode()).sees(secret.encode()).waits(3 * SECOND).closes()
    assert person.read() == b""


@given(line=PRINTABLE, rhythm=RHYTHM, delay=st.integers(0, SECOND))
def test_what_a_terminal_echoes_is_readable_in_whatever_rhythm(line: str, rhythm: list[int], delay: int) -> None:
    person = Typist()
    for n, octet in enumerate(line.encode()):
        person.types(bytes([octet])).waits(delay).sees(bytes([octet])).waits(rhythm[n % len(rhythm)])
    person.types(b"\r").waits(delay).sees(b"\r\n").waits(3 * SECOND).closes()
    assert person.read() == line.encode() + b"\r"
