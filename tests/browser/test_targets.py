"""A target shows another key: its owner is told by the page, reads the key at the machine, and accepts that one."""

import base64
import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from playwright.async_api import Locator, expect

from gateway.errors import Refused
from gateway.ids import SessionId
from gateway.inventory.model import Protocol, Service
from tests.browser.pages import Desk, desks
from tests.browser.test_desktop_pages import both
from tests.e2e.site import Site, running_site
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

BEFORE = SessionId("ses_b3f0r3")


async def service(site: Site, protocol: Protocol) -> Service:
    found = (await site.gateway.services.inventory.target_named("ews-l4")).service(protocol)
    assert found is not None
    return found


def certificate() -> tuple[bytes, str]:
    """In DER, and what the commands of the page print for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ews-l4")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made.public_bytes(Encoding.DER), base64.b64encode(hashlib.sha256(public).digest()).decode()


async def connects(site: Site, terminal: Terminal, then: str) -> None:
    """With a code when the last one is too old."""
    await terminal.sees("[Pp]assword: ")
    terminal.type(site.logins["vera"].password + "\n")
    if "ode: " in (await terminal.sees(f"ode: |{then}")).group():
        terminal.type(await site.codes["vera"].next() + "\n")
        await terminal.sees(then)


def card_of(omar: Desk, protocol: str) -> Locator:
    return omar.page.get_by_role("article", name=f"Key of ews-l4 for {protocol}")


async def accepts(omar: Desk, card: Locator, what: str) -> None:
    await card.get_by_label("Reason").fill("New system disk, WO-8813")
    await omar.code()
    await omar.picture(f"omar-accepts-a-{what}".replace(" ", "-"))
    await card.get_by_role("button", name=f"Accept this {what}").click()


async def test_an_owner_is_told_of_a_changed_host_key_and_accepts_the_one_that_he_read(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site, desks(site, "omar", width=900) as (omar,):
        inventory, ssh = site.gateway.services.inventory, await service(site, Protocol.SSH)
        disk_before = asyncssh.generate_private_key("ssh-ed25519")
        await inventory.check_host_key(ssh, disk_before.export_public_key().decode(), BEFORE, "vera")
        await site.released(await site.approved())
        await omar.sign_in()
        await expect(omar.page.get_by_role("heading", name="Approvals")).to_be_visible()

        # Vera comes, and the target shows the key of its new disk: Omar is told while he looks elsewhere.
        async with Terminal(site.ssh()) as vera:
            await connects(site, vera, "did not show the host key")
        alarm = omar.page.get_by_role("alert").filter(has_text="ews-l4 showed another host key")
        await expect(alarm).to_be_visible()
        await alarm.get_by_role("link", name="My targets").click()
        card = card_of(omar, "Terminal (SSH)")
        await expect(card.get_by_text(disk_before.get_fingerprint())).to_be_visible()
        await both(omar, "omar-reads-of-another-host-key")

        # What he types is compared; what the machine says is accepted, as the line that ssh-keygen prints.
        await card.get_by_role("button", name="Compare and accept").click()
        read = card.get_by_label("Fingerprint read at the machine")
        await read.fill("SHA256:nonsense")
        await expect(card.get_by_role("button", name="Accept this host key")).to_be_disabled()
        await read.fill(asyncssh.generate_private_key("ssh-ed25519").get_fingerprint())
        await expect(card.get_by_text("not the machine that you stand at")).to_be_visible()
        await both(omar, "omar-compares-a-wrong-host-key")
        command = ["ssh-keygen", "-lf", str(tmp_path / "gateway" / "target_host_key")]
        await read.fill(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        await expect(card.get_by_text("This is the host key that the gateway was shown.")).to_be_visible()
        await accepts(omar, card, "host key")
        await expect(card.get_by_text("The next use may show this host key and no other.")).to_be_visible()
        await expect(alarm).to_be_hidden()

        async with Terminal(site.ssh()) as vera:
            await connects(site, vera, "engineer@ews-l4")
        await expect(card.get_by_text("known", exact=True)).to_be_visible()
        assert omar.problems == []


async def test_an_owner_accepts_the_certificate_of_a_desktop_by_the_digest_that_the_machine_prints(
    tmp_path: Path,
) -> None:
    async with running_site(tmp_path / "gateway", local=False) as site, desks(site, "omar", width=900) as (omar,):
        inventory = site.gateway.services.inventory
        await inventory.add_service("sam", "ews-l4", Protocol.RDP, "127.0.0.9", 3389)
        rdp = await service(site, Protocol.RDP)
        (first, _), (renewed, digest) = certificate(), certificate()
        await inventory.check_certificate(rdp, first, BEFORE, "vera")
        with pytest.raises(Refused):
            await inventory.check_certificate(rdp, renewed, BEFORE, "vera")
        await omar.sign_in()
        await omar.page.get_by_role("navigation", name="Main").get_by_role("link", name="My targets").click()
        card = card_of(omar, "Desktop (RDP)")
        await card.get_by_role("button", name="Compare and accept").click()
        await card.get_by_label("Fingerprint read at the machine").fill(digest)
        await expect(card.get_by_text("This is the certificate that the gateway was shown.")).to_be_visible()
        await both(omar, "omar-compares-a-certificate")
        await accepts(omar, card, "certificate")
        await expect(card.get_by_text("The next use may show this certificate and no other.")).to_be_visible()
        await inventory.check_certificate(rdp, renewed, BEFORE, "vera")
        assert omar.problems == []
