"""Changing what was declared: the admin door alone.

A field that is left out stays as it is. The state that the admin saw is named by the header `If-Match`: when somebody
else changed the thing in between, the answer is 412 and nothing is done.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.fronts.api.views.admin import Network
from gateway.fronts.api.views.common import Code, Moment, Name, Question, Secret, Words
from gateway.identity.model import Role
from gateway.inventory.model import CredentialKind, CryptoProfile, Protocol, TargetClass, Tier

Title = Annotated[Words, StringConstraints(min_length=1)]


class Confirmed(Question):
    """Somebody else's factors are at stake: the admin shows that it is he who asks."""

    code: Code = Field(description="A fresh one-time code of the admin.")


class Disable(Confirmed):
    reason: Title = Field(examples=["Left the company"])


class KeyGone(Confirmed):
    fingerprint: Annotated[str, StringConstraints(max_length=64)] = Field(description="As the list of keys shows it.")


class PersonChange(Confirmed):
    """A role that is given opens doors, so this needs a code as well."""

    title: Title | None = None
    roles: list[Role] | None = Field(default=None, min_length=1, max_length=5, description="All of them.")
    expires: Moment | None = Field(default=None, description="Null, when sent: no end.")
    enabled: bool = Field(default=False, description="True undoes `disable`.")


class OrganisationChange(Question):
    title: Title | None = None
    contract_end: Moment | None = Field(default=None, description="Null, when sent: no end.")
    networks: list[Network] | None = Field(default=None, max_length=64, description="All of them; none: anywhere.")


class ZoneChange(Question):
    title: Title | None = None
    level: Annotated[str, StringConstraints(pattern=r"^[0-5](\.5)?$")] | None = None


class ConduitChange(Question):
    protocols: list[Protocol] = Field(max_length=8, description="From now on; none removes the conduit.")


class TargetChange(Question):
    title: Title | None = None
    zone: Name | None = None
    tier: Tier | None = None
    target_class: TargetClass | None = None
    owners: list[Name] | None = Field(default=None, max_length=32, description="Login names, all of them.")


class ServiceChange(Question):
    """The pinned host key stays: a new address must show the old key."""

    address: Annotated[str, StringConstraints(max_length=64)] | None = Field(default=None)
    port: int | None = Field(default=None, ge=1, le=65535)
    profile: CryptoProfile | None = None


class AccountChange(Question):
    """Another credential opens it from the next session on."""

    kind: CredentialKind
    secret: Annotated[Secret, StringConstraints(max_length=32768)] | None = None
