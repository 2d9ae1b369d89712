"""Settings of one gateway: a TOML file in its folder, read once. Nothing else reads a file or the environment.

People, administrators and the plant each meet the gateway at an address of its own (C2): an overlap refuses the start.
"""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.errors import Invalid

FILE: Final = "sluicegate.toml"


class Listener(BaseModel):
    """Where people connect: one literal address, never a wildcard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int = Field(ge=0, le=65535)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @model_validator(mode="after")
    def _literal(self) -> Self:
        if ipaddress.ip_address(self.host).is_unspecified:
            raise ValueError(f"{self.host} is every address of the machine, the plant's side too: name one")
        return self


class Anchors(BaseModel):
    """Where signed checkpoints of the audit log go, so that history cannot be rewritten unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: int = Field(default=10, ge=1, le=1440)
    file: str = ""  # appended to; put it on another machine's share
    command: tuple[str, ...] = ()  # gets the note on standard input
    url: str = ""  # gets the note as the body of a POST


class Settings(BaseModel):
    """One gateway.

    Attributes:
        site: its name; the origin of its audit log. It cannot change later.
        names: host names people use, for the certificate of page and RDP and the check of the Host header.
        rdp: where RDP clients connect; None for a gateway without RDP.
        south: the address that connections to targets come from.
        zone_of_people: the zone that people's connections start from, for conduits.
        recipients: age public keys of auditors who can open recordings without the gateway.
        replay_key: whether the gateway itself can open recordings, for the player in the page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str = Field(pattern=r"^[a-z][a-z0-9.-]{0,62}$")
    names: tuple[str, ...] = ("localhost",)
    ssh: Listener
    page: Listener
    admin: Listener
    rdp: Listener | None = None
    south: str
    zone_of_people: str = "remote"
    database: str = ""  # SQLAlchemy URL; empty for SQLite in the folder
    policies: str = ""  # folder; empty for the policies that come with the gateway
    recipients: tuple[str, ...] = ()
    replay_key: bool = True
    banner: str = (
        "This gateway is for approved work only. Sessions are recorded. Signing in means that you accept this.\n"
    )
    anchors: Anchors = Anchors()

    @property
    def for_people(self) -> tuple[Listener, ...]:
        """What people reach under the gateway's certificate: page and RDP."""
        return (self.page,) if self.rdp is None else (self.page, self.rdp)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        people = {_address(front.host) for front in (self.ssh, *self.for_people)}
        admin, south = _address(self.admin.host), _address(self.south)
        if admin in people:
            raise ValueError(f"admin and people share the address {admin}: give each its own")
        if south in people | {admin}:
            raise ValueError(f"the address {south} faces both people and the plant: give each side its own")
        if not self.replay_key and not self.recipients:
            raise ValueError("nobody could open a recording: name recipients, or keep replay_key")
        return self


def _address(host: str) -> str:
    return str(ipaddress.ip_address(host))


def read(folder: Path) -> Settings:
    """The settings in `folder`.

    Raises:
        Invalid: no file, or one that cannot be meant; names the place.
    """
    path = folder / FILE
    try:
        return Settings.model_validate(tomllib.loads(path.read_text()))
    except FileNotFoundError:
        raise Invalid(str(path), "no such file; make one with: sluicegate init") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(str(path), str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise Invalid(f"{path}: {where}", first["msg"].removeprefix("Value error, ")) from None
