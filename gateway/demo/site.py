"""The demonstration's site: one zone, one workstation, five people; made through the same doors as any other."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncssh
import pyotp

from gateway.app import Gateway
from gateway.config import FILE
from gateway.demo.desktop import new_password
from gateway.demo.drive import NAME as DRIVE
from gateway.identity.enrolling import PLANT
from gateway.identity.model import Role
from gateway.inventory.model import CredentialKind, CryptoProfile, Protocol, TargetClass, Tier

TARGET_ADDRESS: Final = "127.0.0.4"
ACCOUNT: Final = "engineer"  # opened by a key, over SSH
DESKTOP_ACCOUNT: Final = "desk"  # opened by a password, over RDP
WORDS: Final = ("amber", "anchor", "barley", "beacon", "birch", "cedar", "copper", "delta", "ember", "fjord", "harbor")
PEOPLE: Final = (  # login, title, organisation, role, what he does here
    ("sam", "Sam Okafor", PLANT, Role.ADMIN, "OT security"),
    ("vera", "Vera Lind", "northdrive", Role.VENDOR, "drives engineer of the vendor"),
    ("omar", "Omar Haddad", PLANT, Role.OWNER, "owner of ews-l4"),
    ("lena", "Lena Brandt", PLANT, Role.OPERATOR, "shift lead in the control room"),
    ("ada", "Ada Moreau", PLANT, Role.AUDITOR, "auditor"),
)
SETTINGS: Final = """\
# The demonstration's gateway. Each side has an address of its own, as on a real one.
site = "demo.mill"
names = ["localhost"]
south = "127.0.0.3"
ssh = {{ host = "127.0.0.1", port = {ssh} }}
page = {{ host = "127.0.0.1", port = {page} }}
{rdp}admin = {{ host = "127.0.0.2", port = {page} }}

[anchors]
minutes = 1
file = "{folder}/left-the-box/checkpoints.txt"
"""


@dataclass(frozen=True, slots=True)
class Login:
    """What the demonstration prints for one person, and keeps to answer `sluicegate demo code`."""

    name: str
    title: str
    does: str
    password: str
    secret: str
    uri: str


def write_settings(folder: Path, ssh: int, page: int, rdp: int | None = None) -> None:
    """Once, with the ports that people connect to; without `rdp` the gateway has no door for desktops."""
    (folder / "left-the-box").mkdir(parents=True, exist_ok=True)
    if not (folder / FILE).exists():
        line = "" if rdp is None else f'rdp = {{ host = "127.0.0.1", port = {rdp} }}\n'
        (folder / FILE).write_text(SETTINGS.format(folder=folder, ssh=ssh, page=page, rdp=line))


def logins(folder: Path) -> list[Login]:
    """The people of the demonstration in `folder`; none before it was first started."""
    path = folder / "people.json"
    return [Login(**values) for values in json.loads(path.read_text())] if path.exists() else []


async def make(gateway: Gateway, address: str, port: int) -> asyncssh.SSHKey:
    """Make the site once, its target at `address`; returns the public key that opens the target's account."""
    key_file = gateway.folder / "account_key"
    if not key_file.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        people = await _people(gateway)
        await _plant(gateway, key, address, port)
        (gateway.folder / "people.json").touch(mode=0o600)
        (gateway.folder / "people.json").write_text(json.dumps([asdict(p) for p in people], indent=1))
        key_file.touch(mode=0o600)
        key.write_private_key(key_file)
    return asyncssh.read_private_key(key_file).convert_to_public()


async def add_desktop(gateway: Gateway, address: str, port: int) -> str:
    """Let the target offer RDP too, once; returns the password that opens its desktop."""
    secret = gateway.folder / "desktop_password"
    if not secret.exists():
        inventory, password = gateway.services.inventory, new_password()
        await _let_through(gateway, Protocol.RDP)
        await inventory.add_service("sam", "ews-l4", Protocol.RDP, address, port)
        await inventory.add_account("sam", "ews-l4", DESKTOP_ACCOUNT, CredentialKind.PASSWORD, password.encode())
        secret.touch(mode=0o600)
        secret.write_text(password)
    return secret.read_text()


async def add_drive(gateway: Gateway, address: str, port: int) -> None:
    """Let the target have a service beside its shell, once: forwards lead there."""
    inventory = gateway.services.inventory
    if (await inventory.target_named("ews-l4")).named(DRIVE) is None:
        await _let_through(gateway, Protocol.TCP)
        await inventory.add_service("sam", "ews-l4", Protocol.TCP, address, port, name=DRIVE)


async def _let_through(gateway: Gateway, protocol: Protocol) -> None:
    inventory = gateway.services.inventory
    (was,) = [c for c in await inventory.conduits() if (c.source, c.destination) == ("remote", "line4")]
    await inventory.change_conduit("sam", was, was.protocols | {protocol})


async def _people(gateway: Gateway) -> list[Login]:
    """The first person sets the gateway up and adds the others, as an administrator does."""
    identity, sam = gateway.services.identity, PEOPLE[0][0]
    people: list[Login] = []
    for name, title, organisation, role, does in PEOPLE:
        password = f"{name}-{secrets.choice(WORDS)}-{secrets.choice(WORDS)}-{secrets.randbelow(90) + 10}"
        if name == sam:
            token = await identity.setup_token()
            assert token is not None
            enrolment = await identity.setup(token, name, title, password)
        else:
            admin = await identity.person_named(sam)
            if organisation not in {o.name for o in await identity.organisations()}:
                await identity.add_organisation(admin, organisation, "Northdrive Antriebe")
            _, token = await identity.add_person(admin, name, title, organisation, [role])
            enrolment = await identity.enrol(token, password)
        # The step before: so that the current code is still good for the first sign-in.
        earlier = gateway.services.clock.now() - timedelta(seconds=30)
        await identity.confirm_enrolment(token, pyotp.TOTP(enrolment.secret).at(earlier))
        people.append(Login(name, title, does, password, enrolment.secret, enrolment.uri))
    return people


async def _plant(gateway: Gateway, key: asyncssh.SSHKey, address: str, port: int) -> None:
    inventory, identity = gateway.services.inventory, gateway.services.identity
    omar = await identity.person_named("omar")
    await inventory.add_zone("sam", "remote", "People outside", "4")
    await inventory.add_zone("sam", "line4", "Packing line 4", "2")
    await inventory.add_conduit("sam", "remote", "line4", frozenset({Protocol.SSH}))
    await inventory.add_target(
        "sam", "ews-l4", "Engineering workstation, packing line 4", "line4", Tier.T1, TargetClass.WORKSTATION, [omar.id]
    )
    await inventory.add_service("sam", "ews-l4", Protocol.SSH, address, port, CryptoProfile.MODERN)
    secret = key.export_private_key()
    await inventory.add_account("sam", "ews-l4", ACCOUNT, CredentialKind.PRIVATE_KEY, secret)
