"""The login name of SSH: PERSON, PERSON+TARGET or PERSON+TARGET+ACCOUNT. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway import words
from gateway.errors import Invalid
from gateway.limits import LOGIN_OCTETS

SEPARATOR: Final = "+"
ACCOUNT_OCTETS: Final = 64  # octets of an account's name on the target


@dataclass(frozen=True, slots=True)
class Login:
    """Who wants in, and where to.

    Attributes:
        target: empty for the menu.
        account: empty for the target's default.
    """

    person: str
    target: str = ""
    account: str = ""

    def __str__(self) -> str:
        return SEPARATOR.join(part for part in (self.person, self.target, self.account) if part)


def parse(login: str) -> Login:
    """Take a login name apart.

    Raises:
        Invalid: anything else, in words that tell how to write it.
    """
    if len(login.encode(errors="replace")) > LOGIN_OCTETS:
        raise Invalid("login name", f"must be at most {LOGIN_OCTETS} octets")
    parts = login.split(SEPARATOR)
    if len(parts) > 3:  # person, target, account
        raise Invalid("login name", "must be PERSON, PERSON+TARGET or PERSON+TARGET+ACCOUNT")
    person = words.name("person in the login name", parts[0])
    target = words.name("target in the login name", parts[1]) if len(parts) > 1 else ""
    account = _account(parts[2]) if len(parts) > 2 else ""
    return Login(person, target, account)


def _account(text: str) -> str:
    """An account's name is the target's business: printable ASCII without blanks; it is only ever compared."""
    if not 0 < len(text) <= ACCOUNT_OCTETS or not all("!" <= c <= "~" for c in text):
        raise Invalid("account in the login name", f"must be 1 to {ACCOUNT_OCTETS} printable characters")
    return text
