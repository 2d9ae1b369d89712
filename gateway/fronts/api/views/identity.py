"""Signing in, enrolment, and who is asking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.fronts.api.views.common import Answer, Code, Moment, Name, Question, Secret, ShownOnce, Token, Words
from gateway.identity.model import Role


class SetUp(Question):
    """The first admin of a new site, made with the token that the gateway printed at its first start."""

    token: Token
    name: Name = Field(description="What he logs in with.", examples=["sam"])
    title: Words = Field(description="How he is called.", examples=["Sam Richter"])
    password: Secret


class Enrol(Question):
    """A person takes up an invitation."""

    token: Token = Field(description="From the invitation; one use.")
    password: Secret = Field(description="The password he will log in with.")


class Enrolment(ShownOnce):
    """A new second factor, to be confirmed with one code of it. Shown this once."""

    secret: str = Field(description="Base32, to type into an authenticator.", examples=["JBSWY3DPEHPK3PXP"])
    uri: str = Field(description="The same for a QR code.", examples=["otpauth://totp/Plant:vera?secret=…"])


class ConfirmEnrolment(Question):
    """Shows that the authenticator works."""

    token: Token = Field(description="The same token again.")
    code: Code


class Enrolled(Answer):
    """The person may sign in now."""

    name: str = Field(examples=["vera"])


class SignIn(Question):
    """Both factors at once: nobody learns which part was wrong."""

    name: Name = Field(examples=["vera"])
    password: Secret
    code: Code


class Me(Answer):
    """Who is asking, and what his page needs to know."""

    name: str = Field(examples=["vera"])
    title: str = Field(examples=["Vera Kranz"])
    organisation: str = Field(description="Title of the organisation.", examples=["Kranz Drives"])
    roles: list[Role] = Field(description="Sorted.")
    csrf: str = Field(description="Goes back as `X-CSRF-Token` with every state change of this sign-in.")
    door: Literal["people", "admin"] = Field(description="Which one this is: the other has other routes.")
    site: str = Field(examples=["Plant North"])
    ssh_port: int = Field(
        description="Where the SSH front listens, on the host that serves this page.", examples=[2222]
    )
    rdp_host: str = Field(description="Where the RDP front listens; empty: the host that serves this page.")
    rdp_port: int | None = Field(description="Its port; null: this gateway has no RDP.", examples=[3389])
    now: Moment = Field(description="The gateway's clock.")
    skew_seconds: float = Field(
        description="How far the person's authenticator was from the gateway's clock at sign-in; 0 when unknown."
    )
