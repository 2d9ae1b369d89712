"""What we raise on purpose, by whose fault it is.

Text is lower case without a full stop and says what was expected and what came, except `words`:
those are sentences for the person concerned and are shown as they are, in every front.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Root of everything raised on purpose."""


class ProtocolError(GatewayError):
    """A rule of a protocol was broken."""


class LocalProtocolError(ProtocolError):
    """We broke it: a bug of ours; the session ends."""


class RemoteProtocolError(ProtocolError):
    """The peer broke it: the connection ends."""


class Refused(GatewayError):
    """Policy, grant, factor or state says no.

    Attributes:
        code: stable word for programs and logs, e.g. `no_grant`, `own_request`, `awaiting_release`.
        words: one or two sentences for the person concerned.
        rule: which rule spoke (policy id or "access-model 2.x"); may be shown.
        detail: for the audit log alone, never shown.
    """

    def __init__(self, code: str, words: str, *, rule: str = "", detail: str = "") -> None:
        super().__init__(f"{code}: {words}")
        self.code, self.words, self.rule, self.detail = code, words, rule, detail


class Invalid(GatewayError):
    """Input that cannot be meant: names the field and what was expected."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field}: {words}")
        self.field, self.words = field, words

    @property
    def several(self) -> tuple[tuple[str, str], ...]:
        """Every field with its words, for those who can tell more than one at once."""
        return ((self.field, self.words),)


class NotFound(GatewayError):
    """No such thing, or none that the asker may know of; the two are not told apart."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}")
        self.what = what


class Conflict(GatewayError):
    """Somebody else was faster: the row has another state or version than the decision was made on."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Stale(Conflict):
    """The thing is not as it was when the asker saw it: the version that he changes is not the newest."""


class StoreUnavailable(GatewayError):
    """The store cannot answer now. The answer to every question is no."""


class RecorderFailed(GatewayError):
    """Nothing of the record is in the file. What it recorded must not be delivered."""
