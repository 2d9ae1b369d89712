"""Joins the nouns, and turns what we raise on purpose into one line on standard error and exit status 2."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from gateway.cli import audit, demo, host_ca, person, policy, recording, serve
from gateway.cli.client import Unanswered
from gateway.errors import GatewayError

app = typer.Typer(
    name="sluicegate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Approved, time-boxed, recorded remote access to the engineering workstations of a plant.",
)
app.command("init")(serve.init)
app.command("serve")(serve.serve)
app.command("host-ca")(host_ca.host_ca)
app.command("version")(serve.release)
app.add_typer(audit.app, name="audit")
app.add_typer(person.app, name="person")
app.add_typer(policy.app, name="policy")
app.add_typer(recording.app, name="recording")
app.add_typer(demo.app, name="demo")


def main() -> None:
    try:
        app()
    except Unanswered as error:
        _fail(str(error), error.exit_status)
    except GatewayError as error:
        _fail(str(error))
    except OSError as error:  # a file or an address that the caller named, or that the settings name
        _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))


def _fail(why: str, status: int = 2) -> NoReturn:
    print(f"sluicegate: {why}", file=sys.stderr)
    sys.exit(status)
