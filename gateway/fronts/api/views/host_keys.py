"""The host key of a target's service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.fronts.api.views.common import Answer, Code, Moment, Question, Words
from gateway.inventory.model import Protocol

Fingerprint = Annotated[str, StringConstraints(pattern=r"^(SHA256:[A-Za-z0-9+/]{43}|SPKI-SHA256:[A-Za-z0-9+/]{43}=?)$")]


class HostCaView(Answer):
    """How a person's SSH client knows the hosts that the gateway shows it behind `ssh -J`."""

    known_hosts: str = Field(
        description="One line for `~/.ssh/known_hosts` (`sshd(8)`, `@cert-authority`). Without it the client asks "
        "about each target, and is shown the gateway's own key.",
        examples=["@cert-authority * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…"],
    )


class ShownKey(Answer):
    """The newest key that the target showed and that was not the right one; nobody was connected."""

    fingerprint: str | None = Field(description="Null when what it showed was no key.")
    at: Moment


class HostKeyView(Answer):
    """By which key the gateway knows a service.

    Fingerprints are as `ssh-keygen -l` prints them; of RDP `SPKI-SHA256:` and the digest of the certificate's key.
    """

    target: str = Field(examples=["ews-l4"])
    title: str = Field(description="Of the target.", examples=["Engineering workstation line 4"])
    protocol: Protocol
    fingerprint: str | None = Field(description="Of the pinned key; null before the first use, and once accepted.")
    pinned: Moment | None
    shown: ShownKey | None = Field(description="Another key that it showed since; null for none.")
    accepted: str | None = Field(
        description="The only key that the next approved use may pin; null when none is named."
    )


class Accept(Question):
    """An owner says that the machine has a new key."""

    protocol: Protocol = Protocol.SSH
    fingerprint: Fingerprint = Field(
        description="Read at the machine itself (`ssh-keygen -l`; RDP: the digest of its certificate's public key), "
        "not taken from what was shown."
    )
    reason: Words = Field(min_length=1, examples=["New system disk, WO-8813"])
    code: Code = Field(description="A fresh one-time code of the owner.")
