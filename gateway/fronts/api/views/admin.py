"""Declaring persons, organisations, zones, conduits and targets: the admin door alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.fronts.api.views.common import Answer, Code, Moment, Name, Question, Secret, ShownOnce, Tagged, Words
from gateway.fronts.api.views.host_keys import Fingerprint
from gateway.identity.model import Role
from gateway.inventory.model import CredentialKind, CryptoProfile, Protocol, TargetClass, Tier

Network = Annotated[str, StringConstraints(max_length=64)]


class OrganisationNew(Question):
    name: Name = Field(examples=["kranz"])
    title: Words = Field(min_length=1, examples=["Kranz Drives"])
    plant: bool = Field(default=False, description="Whether it is the plant itself.")
    contract_end: Moment | None = Field(default=None, description="From then on none of its persons gets in.")
    networks: list[Network] = Field(default=[], max_length=64, description="Where its persons must come from (CIDR).")


class OrganisationView(Tagged):
    name: str
    title: str
    plant: bool
    contract_end: Moment | None
    networks: list[str]


class PersonNew(Question):
    name: Name = Field(description="What he logs in with; never re-used.", examples=["vera"])
    title: Words = Field(min_length=1, examples=["Vera Kranz"])
    organisation: Name = Field(examples=["kranz"])
    roles: list[Role] = Field(min_length=1, max_length=5)
    expires: Moment | None = None


class PersonView(Tagged):
    name: str
    title: str
    organisation: str
    roles: list[Role]
    expires: Moment | None
    disabled: bool


class Invited(ShownOnce):
    """An invitation: hand it over on another way. Shown this once."""

    name: str
    invitation: str


class KeyNew(Question):
    public: Annotated[str, StringConstraints(max_length=8192)] = Field(
        description="OpenSSH public key line.", examples=["ssh-ed25519 AAAA… vera@laptop"]
    )
    title: Words = Field(min_length=1, examples=["laptop"])
    code: Code = Field(description="A fresh one-time code of the admin.")


class KeyView(Answer):
    fingerprint: str
    public: str
    title: str
    added: Moment


class ZoneNew(Question):
    name: Name = Field(examples=["cell-4"])
    title: Words = Field(min_length=1)
    level: Annotated[str, StringConstraints(pattern=r"^[0-5](\.5)?$")] = Field(
        description="Purdue level.", examples=["2"]
    )


class ZoneView(Tagged):
    name: str
    title: str
    level: str


class ConduitNew(Question):
    source: Name = Field(examples=["remote"])
    destination: Name = Field(examples=["cell-4"])
    protocols: list[Protocol] = Field(min_length=1, max_length=8)


class ConduitView(Tagged):
    source: str
    destination: str
    protocols: list[Protocol]


class TargetNew(Question):
    name: Name = Field(examples=["ews-l4"])
    title: Words = Field(min_length=1)
    zone: Name
    tier: Tier
    target_class: TargetClass
    owners: list[Name] = Field(description="Login names of those who may approve.", max_length=32)


class ServiceNew(Question):
    protocol: Protocol
    name: Name | Literal[""] = Field(
        default="",
        description="Of a TCP service; the others are called as their protocol is.",
        examples=["plc-program"],
    )
    address: Annotated[str, StringConstraints(max_length=64)] = Field(description="A literal IP address.")
    port: int = Field(ge=1, le=65535)
    profile: CryptoProfile = CryptoProfile.MODERN
    fingerprint: Fingerprint | Literal[""] = Field(
        default="", description="Of the only host key (RDP: certificate's key) to be pinned at the first use."
    )


class ServiceView(Answer):
    id: str
    name: str
    protocol: Protocol
    address: str
    port: int
    profile: CryptoProfile = Field(description="`legacy` lets nobody in but under an exception of `legacy-crypto`.")


class AccountNew(Question):
    name: Name = Field(examples=["engineer"])
    kind: CredentialKind
    secret: Annotated[Secret, StringConstraints(max_length=32768)] | None = Field(
        default=None, description="Password or private key: sealed, never shown again. None for a certificate."
    )


class AccountView(Answer):
    id: str
    name: str
    kind: CredentialKind


class TargetView(Tagged):
    id: str
    name: str
    title: str
    zone: str
    tier: Tier
    target_class: TargetClass
    owners: list[str] = Field(description="Login names.")
    services: list[ServiceView]
    accounts: list[AccountView]
