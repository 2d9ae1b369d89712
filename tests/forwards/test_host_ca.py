"""The CA of the hosts behind `ssh -J`: made once, kept private, told to whoever needs its line."""

import asyncssh
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.clock import SystemClock
from gateway.errors import Invalid
from gateway.keys import HOST_CA, host_ca_line, open_keys

NAMES = ("localhost",)


def keys(folder):
    return open_keys(folder, SystemClock(), names=NAMES, replay=False)


def test_it_is_made_once_and_is_no_other_key_of_the_site(tmp_path):
    first, again = keys(tmp_path), keys(tmp_path)
    assert first.ssh_host_ca.public_data == again.ssh_host_ca.public_data
    assert (tmp_path / HOST_CA).stat().st_mode & 0o777 == 0o600
    host = asyncssh.read_private_key(first.ssh_host_key)
    assert len({first.ssh_host_ca.public_data, first.ssh_ca.public_data, host.public_data}) == 3


def test_a_key_that_others_can_read_refuses_the_start(tmp_path):
    keys(tmp_path)
    (tmp_path / HOST_CA).chmod(0o640)
    with pytest.raises(Invalid, match="chmod 600"):
        keys(tmp_path)


def test_its_line_is_told_on_the_command_line(tmp_path):
    ca = keys(tmp_path / "keys").ssh_host_ca
    told = CliRunner().invoke(app, ["host-ca", str(tmp_path)])
    assert told.output.strip() == host_ca_line(ca)
    public = ca.export_public_key().decode().split()
    assert told.output.split()[:4] == ["@cert-authority", "*", *public[:2]]
    narrow = CliRunner().invoke(app, ["host-ca", str(tmp_path), "--hosts", "ews-*,plc-*"])
    assert narrow.output.startswith("@cert-authority ews-*,plc-* ssh-ed25519 ")


def test_a_folder_without_one_is_told_so(tmp_path):
    assert isinstance(CliRunner().invoke(app, ["host-ca", str(tmp_path)]).exception, Invalid)
