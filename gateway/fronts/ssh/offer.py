"""What the gateway offers to every client, and which host it is: itself, or by a certificate of its own a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncssh

from gateway.fronts.ssh import kex
from gateway.limits import HOLD_LONGEST, HOST_CERTIFICATE_LIFE, SSH_GRACE

VERSION: Final = "Sluicegate"  # what we call ourselves to everybody; no version: that is nobody's business
KEEPALIVE: Final = 15  # seconds between questions whether the client is still there
KEEPALIVE_COUNT: Final = 3


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The gateway's host key, and the CA that vouches for it under other names ([PROTOCOL.certkeys], host keys).

    Who has no line for the CA in his known hosts is shown the key itself, the same behind every name.
    """

    key: asyncssh.SSHKey
    ca: asyncssh.SSHKey

    @classmethod
    def read(cls, host_key: Path, ca: asyncssh.SSHKey) -> HostKeys:
        return cls(asyncssh.import_private_key(host_key.read_bytes()), ca)

    def itself(self) -> asyncssh.SSHServerConnectionOptions:
        return _options([self.key])

    def called(self, name: str, at: datetime) -> asyncssh.SSHServerConnectionOptions:
        """Under the name of a target, for a connection that begins at `at`."""
        certificate = self.ca.generate_host_certificate(
            self.key,
            f"{name} through {VERSION}",
            principals=[name],
            valid_after=int((at - HOST_CERTIFICATE_LIFE).timestamp()),
            valid_before=int((at + HOST_CERTIFICATE_LIFE).timestamp()),
        )
        return _options([(self.key, certificate)])


def _options(
    keys: Sequence[asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]],
) -> asyncssh.SSHServerConnectionOptions:
    """Nothing is read from this machine's own SSH set-up."""
    return asyncssh.SSHServerConnectionOptions(
        config=None,
        server_host_keys=list(keys),
        server_version=VERSION,
        kex_algs=list(kex.FRONT_KEX),
        encryption_algs=list(kex.FRONT_CIPHERS),
        mac_algs=list(kex.FRONT_MACS),
        signature_algs=list(kex.FRONT_SIGNATURES),
        compression_algs=None,
        host_based_auth=False,
        gss_host=None,
        x509_trusted_certs=None,
        rdns_lookup=False,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_scp=False,
        line_editor=False,
        encoding=None,
        login_timeout=(HOLD_LONGEST + 2 * SSH_GRACE).total_seconds(),  # each stage has a shorter timer of its own
        keepalive_interval=KEEPALIVE,
        keepalive_count_max=KEEPALIVE_COUNT,
    )
