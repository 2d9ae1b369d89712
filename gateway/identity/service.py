"""`Identity`: who somebody is, and whether he showed it with two factors. The one door to this package."""

from __future__ import annotations

from functools import cached_property

from gateway.identity.api_tokens import ApiTokens
from gateway.identity.enrolling import Enrolling
from gateway.identity.key_ring import KeyRing
from gateway.identity.sign_ins import SignIns
from gateway.identity.tickets import Tickets


class Identity(SignIns, Enrolling, KeyRing):
    """Doors and page sessions (`doors.py`, `sign_ins.py`), enrolment (`enrolling.py`), persons and their keys
    (`people.py`, `key_ring.py`), tickets for RDP (`tickets.py`),
    tokens for programs (`api_tokens.py`).

    INVARIANT: nobody is admitted without two factors of his own, shown here, one of them of this connection.
    INVARIANT: a one-time code is accepted once, whatever the door, the node, a restart or the clock.
    INVARIANT: the store holds no password, seed or token that can be used without the master key.
    """

    @cached_property
    def tickets(self) -> Tickets:
        return Tickets(self._store, self._audit, self._clock, self._envelope, self._site, self._passwords)

    @cached_property
    def api_tokens(self) -> ApiTokens:
        return ApiTokens(self._store, self._audit, self._clock, self._envelope, self._site, self._passwords)
