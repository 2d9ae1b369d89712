"""Audit events of persons, factors and log-ins. What an outsider typed is in `claimed`, made printable and cut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn(AuditEvent):
    """Two factors were right and the door opened."""

    name = "identity.login.succeeded"
    code = "GW1000I"
    person: str
    door: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefused(AuditEvent):
    """Somebody who said to be `claimed` was not let in. `stage`: password, key, code, confirm, admit, token, ticket."""

    name = "identity.login.refused"
    code = "GW1001W"
    claimed: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedOut(AuditEvent):
    """Failures reached a limit; tries are not looked at for `lasting`. `bucket` says what is locked."""

    name = "identity.login.locked"
    code = "GW1002W"
    claimed: str
    bucket: str
    lasting: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkewSeen(AuditEvent):
    """A code was refused, and it is one of another time: the clock of the person's device is wrong, or ours."""

    name = "identity.code.skewed"
    code = "GW1003W"
    person: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationAdded(AuditEvent):
    name = "identity.organisation.added"
    code = "GW1010I"
    organisation: str
    plant: bool
    contract_end: datetime | None
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationChanged(AuditEvent):
    name = "identity.organisation.changed"
    code = "GW1011I"
    organisation: str
    contract_end: datetime | None
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAdded(AuditEvent):
    name = "identity.person.added"
    code = "GW1020I"
    person: str
    organisation: str
    roles: tuple[str, ...]
    expires: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged(AuditEvent):
    """What holds from now on."""

    name = "identity.person.changed"
    code = "GW1021I"
    person: str
    roles: tuple[str, ...]
    expires: datetime | None
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDisabled(AuditEvent):
    """His page sessions are closed in the same transaction; whoever holds sessions of his ends them on hearing this."""

    name = "identity.person.disabled"
    code = "GW1022I"
    person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInvited(AuditEvent):
    """A one-time link was made, and every factor the person had is void."""

    name = "identity.person.invited"
    code = "GW1023I"
    person: str
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEnrolled(AuditEvent):
    """Password and code generator are set, and a first code confirmed them."""

    name = "identity.person.enrolled"
    code = "GW1024I"
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOffered(AuditEvent):
    """There is no admin: a one-time setup token was made and shown at the console."""

    name = "identity.setup.offered"
    code = "GW1025I"
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupCompleted(AuditEvent):
    """The first admin exists."""

    name = "identity.setup.completed"
    code = "GW1026I"
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAdded(AuditEvent):
    name = "identity.key.added"
    code = "GW1030I"
    person: str
    fingerprint: str
    hardware: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRemoved(AuditEvent):
    name = "identity.key.removed"
    code = "GW1031I"
    person: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShared(AuditEvent):
    """A key was refused because it is another person's (C10)."""

    name = "identity.key.shared"
    code = "GW1032W"
    person: str
    owner: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInOpened(AuditEvent):
    name = "identity.sign_in.opened"
    code = "GW1040I"
    person: str
    sign_in: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInClosed(AuditEvent):
    """`reason`: signed_out, idle, life, standing, source."""

    name = "identity.sign_in.closed"
    code = "GW1041I"
    person: str
    sign_in: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMisused(AuditEvent):
    """The token of a page session came from another address than it was given to."""

    name = "identity.sign_in.misused"
    code = "GW1042W"
    person: str
    sign_in: str
    opened_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketIssued(AuditEvent):
    """A ticket was made that opens one desktop. `use`: client, or browser."""

    name = "identity.ticket.issued"
    code = "GW1050I"
    person: str
    ticket: str
    grant: str
    target: str
    use: str
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketUsed(AuditEvent):
    """Somebody logged on with a ticket, and it is his address's from now on. `client` is what his software says."""

    name = "identity.ticket.used"
    code = "GW1051I"
    person: str
    ticket: str
    grant: str
    target: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketVoided(AuditEvent):
    """A ticket is worth nothing from now on. `reason`: replaced, standing, grant, expired."""

    name = "identity.ticket.voided"
    code = "GW1052I"
    person: str
    ticket: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade(AuditEvent):
    """A person made an API token with a fresh code: until `expires` a program may do in his name what `scopes` say."""

    name = "identity.token.made"
    code = "GW1060I"
    person: str
    token: str
    title: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsed(AuditEvent):
    """An API token opened the API; said once an hour for each network that it comes from."""

    name = "identity.token.used"
    code = "GW1061I"
    person: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(AuditEvent):
    """An API token is worth nothing from now on. `reason`: revoked, standing."""

    name = "identity.token.revoked"
    code = "GW1062I"
    person: str
    token: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused(AuditEvent):
    """A token that is known came and was not let in, or tried what its scopes do not have.

    `reason`: token_revoked, token_expired, token_network, not_with_token, scope, or the person's standing.
    """

    name = "identity.token.refused"
    code = "GW1063W"
    person: str
    token: str
    reason: str
