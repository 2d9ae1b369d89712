"""The policy from the command line: try a folder offline, ask what a policy means, and bring a version into force.

Everything but `check` is a client of the API. Signing and activating take a fresh code, so they sign the person in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import JsonValue

from gateway.cli.client import Ca, Client, Token, TokenFile, Url, connect
from gateway.cli.signed_in import SignedIn
from gateway.errors import Invalid
from gateway.fronts.api.views.policies import (
    DeedView,
    DiffView,
    ExplainView,
    PolicyHead,
    PolicyList,
    PolicyView,
    ReachView,
    WhoCanView,
)
from gateway.inventory.model import Protocol
from gateway.policy import files, phrases, problems, trial
from gateway.policy.model import Channel
from gateway.policy.versions import VersionState
from gateway.words import printable

app = typer.Typer(no_args_is_help=True, help="Policies: try, ask, propose, sign, activate.")

Folder = Annotated[Path, typer.Argument(help="Folder with schema.cedarschema, *.cedar and tests/*.toml.")]
At = Annotated[str, typer.Option(help="The moment that is asked about, e.g. 2026-11-24T22:00Z; now when left out.")]
Version = Annotated[str, typer.Argument(help="Id of a policy version, as `list` shows it.")]
Of = Annotated[str, typer.Option("--version", help="The version that is asked; the active one when left out.")]


@app.command()
def check(folder: Folder) -> None:
    """Try a folder without a gateway: schema, every policy, every case. Exit status 1 when something is wrong."""
    texts = files.accepted(files.read(folder))
    if found := problems.find(texts):
        _wrong(map(str, found), f"{_many(len(found), 'problem')}; this would not be loaded")
    engine, run = trial.tried(texts)
    if run.failures:
        _wrong(run.failures, f"{len(run.failures)} of {_many(run.cases, 'case')} not as expected")
    _say(f"{_many(len(engine.rules), 'rule')}, {_many(run.cases, 'case')} as expected: version {engine.version}")


@app.command("list")
def list_versions(url: Url = "", token_file: TokenFile = None, token: Token = "", ca: Ca = None) -> None:
    """Every policy version, newest first, and what is wrong with the policy now."""
    with connect(url, token_file, token, ca) as client:
        found = PolicyList.model_validate(client.get("/policies"))
    for version in found.versions:
        _say(f"{version.id}  {version.state:<7}  {_deed(version.proposed)}  {_line(version.note)}")
    if found.trouble:
        _say(f"Attention: {found.trouble}")


@app.command()
def explain(
    person: Annotated[str, typer.Argument(help="Login name.")],
    target: Annotated[str, typer.Argument()],
    protocol: Annotated[Protocol | None, typer.Option(help="The first that the target offers when left out.")] = None,
    account: Annotated[str, typer.Option(help="The default when left out.")] = "",
    channel: Annotated[list[Channel] | None, typer.Option(help="May be given several times.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="What a forward is to lead to.")] = None,
    source: Annotated[str, typer.Option(help="The address that he comes from.")] = "",
    emergency: Annotated[bool, typer.Option(help="As if he asked for an emergency.")] = False,
    at: At = "", version: Of = "",
    url: Url = "", token_file: TokenFile = None, token: Token = "", ca: Ca = None,
) -> None:  # fmt: skip
    """Why a person may, or why not, in the words that he reads himself. Exit status 1 when something is denied."""
    asked: dict[str, JsonValue] = {
        "person": person, "target": target, "account": account, "channels": [str(c) for c in channel or []],
        "services": list(service or []), "source": source, "emergency": emergency, "version": version,
        "protocol": None if protocol is None else protocol.value, "at": _moment(at),
    }  # fmt: skip
    with connect(url, token_file, token, ca) as client:
        found = ExplainView.model_validate(client.post("/policies/explain", asked))
    _say(f"{person} on {target} by {_way(found.protocol, found.account)}, {found.at:%Y-%m-%d %H:%M} UTC")
    for note in found.notes:
        _say(f"  besides the policy: {note}")
    for step in found.steps:
        why = f"by rule {', '.join(step.rules)}" if step.allowed else step.words
        _say(f"  {'yes' if step.allowed else 'NO '}  {step.about}: {why}")
    if found.steps[0].obligations:
        _say(f"Obliged to: {'; '.join(found.steps[0].obligations)}.")
    if found.notes or not all(step.allowed for step in found.steps):
        raise typer.Exit(1)


@app.command("who-can")
def who_can(
    target: Annotated[str, typer.Argument()],
    emergency: Annotated[bool, typer.Option(help="As if an emergency were asked for.")] = False,
    at: At = "", version: Of = "",
    url: Url = "", token_file: TokenFile = None, token: Token = "", ca: Ca = None,
) -> None:  # fmt: skip
    """Who could get into a target, by which way, and what it obliges to."""
    with connect(url, token_file, token, ca) as client:
        asked = client.get("/policies/who-can", target=target, at=_moment(at), version=version, emergency=emergency)
    found = WhoCanView.model_validate(asked)
    _say(f"{found.target}, {found.at:%Y-%m-%d %H:%M} UTC, policy version {found.version}")
    for note in found.notes:
        _say(f"  besides the policy: {note}")
    for reach in found.reaches:
        for line in _reach(reach):
            _say(line)
    if not found.reaches:
        _say("Nobody.")


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="Version that is replaced; alone: what would replace the active one.")],
    new: Annotated[str, typer.Argument(help="Version or folder that replaces it.")] = "",
    at: At = "",
    url: Url = "", token_file: TokenFile = None, token: Token = "", ca: Ca = None,
) -> None:  # fmt: skip
    """Who gains and who loses what, and whose obligations change, in sentences."""
    against, by = (old, new) if new else ("", old)
    with connect(url, token_file, token, ca) as client:
        found = _difference(client, against, by, at)
    for change in found.changes:
        _say(f"- {change.sentence}")
    _say(f"{_many(len(found.changes), 'difference')} from {found.old} to {found.new}, {found.at:%Y-%m-%d %H:%M} UTC")


@app.command()
def propose(
    folder: Folder,
    note: Annotated[str, typer.Option(help="What it changes and why; the signer reads it.")],
    url: Url = "", token_file: TokenFile = None, token: Token = "", ca: Ca = None,
) -> None:  # fmt: skip
    """Make a draft of a folder. It decides nothing before another person signed it and it was made active."""
    texts = files.accepted(files.read(folder))
    if found := problems.find(texts):
        _wrong(map(str, found), f"{_many(len(found), 'problem')}; nothing was proposed")
    with connect(url, token_file, token, ca) as client:
        body: dict[str, JsonValue] = {"files": dict(texts), "note": note}
        made = PolicyView.model_validate(client.post("/policies", body, key=f"policy-{files.digest(texts)}"))
    _say(f"Policy version {made.id} is {made.state}. An owner or another administrator signs it off:")
    _say(f"sluicegate policy sign {made.id}")


@app.command()
def sign(version: Version, url: Url = "", ca: Ca = None) -> None:
    """Sign a version off, as a second person: you see what it changes, then you say yes to exactly that."""
    with _signed_in(url, ca) as client:
        shown = _shown(client, version)
        typer.confirm(f"Do you sign policy version {shown.id} off, digest {shown.digest}?", abort=True)
        body: dict[str, JsonValue] = {"code": _next_code(), "digest": shown.digest}
        signed = PolicyView.model_validate(client.post(f"/policies/{shown.id}/sign", body))
    _say(f"Policy version {signed.id} is {signed.state}, signed by {_deed(signed.signed)}.")


@app.command()
def activate(version: Version, url: Url = "", ca: Ca = None) -> None:
    """Decide by a signed version from the next decision on."""
    with _signed_in(url, ca) as client:
        _activate(client, _shown(client, version))


@app.command("roll-back")
def roll_back(
    version: Annotated[str, typer.Argument(help="An earlier version; the last one when left out.")] = "",
    url: Url = "", ca: Ca = None,
) -> None:  # fmt: skip
    """Make an earlier signed version active again."""
    with _signed_in(url, ca) as client:
        _activate(client, _shown(client, version or _before(client)))


def _activate(client: Client, shown: PolicyView) -> None:
    typer.confirm(f"Do you make policy version {shown.id} active now?", abort=True)
    active = PolicyView.model_validate(client.post(f"/policies/{shown.id}/activate", {"code": _next_code()}))
    _say(f"Policy version {active.id} decides from now on.")


def _before(client: Client) -> str:
    """The signed version that was active last."""
    found = PolicyList.model_validate(client.get("/policies")).versions
    retired = [v for v in found if v.state is VersionState.RETIRED and v.signed is not None]
    if not retired:
        raise Invalid("version", "no earlier version was ever signed off; name one after it was signed")
    return max(retired, key=_retired).id


def _retired(version: PolicyHead) -> datetime:
    return version.retired or datetime.min.replace(tzinfo=UTC)


def _signed_in(url: str, ca: Path | None) -> SignedIn:
    """Ask on the terminal who signs in, never in an argument: arguments are shown to everybody on the machine."""
    if not url:
        raise Invalid("url", "is missing; give --url or SLUICEGATE_URL")
    name: str = typer.prompt("Login name")
    password: str = typer.prompt("Password", hide_input=True)
    return SignedIn(url, ca, name, password, _code("Code of your authenticator"))


def _next_code() -> str:
    return _code("The next code (each is good once, a new one comes every 30 s)")


def _code(what: str) -> str:
    code: str = typer.prompt(what)
    return code


def _shown(client: Client, version: str) -> PolicyView:
    """The version and what it changes, as the person has to see it before he decides."""
    found = PolicyView.model_validate(client.get(f"/policies/{version}"))
    _say(f"Policy version {found.id}, {found.state}, by {_deed(found.proposed)}: {_line(found.note)}")
    _say(f"Signed by {_deed(found.signed)}." if found.signed else "Nobody signed it.")
    changes = _difference(client, "", found.id, "").changes
    _say("What it changes for whom, now:" if changes else "For nobody does it change anything now.")
    for change in changes:
        _say(f"- {change.sentence}")
    return found


def _difference(client: Client, old: str, new: str, at: str) -> DiffView:
    if (folder := Path(new)).is_dir():
        body: dict[str, JsonValue] = {"files": dict(files.accepted(files.read(folder))), "against": old}
        moment = _moment(at)
        query = "" if moment is None else f"?at={moment.replace('+', '%2B')}"
        return DiffView.model_validate(client.post(f"/policies/diff{query}", body))
    return DiffView.model_validate(client.get(f"/policies/{new}/diff", against=old, at=_moment(at)))


def _moment(at: str) -> str | None:
    """With its zone, as the API wants it; none is UTC."""
    if not at:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise Invalid("at", f"is {at!r}, must be a moment such as 2026-11-24T22:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _reach(reach: ReachView) -> tuple[str, str]:
    channels = ", ".join(c.words for c in reach.channels)
    who = phrases.listed(reach.persons, shown=len(reach.persons))
    way = _way(reach.protocol, reach.account)
    return f"- {who} by {way}: {channels}", f"    rule {', '.join(reach.rules)}; {'; '.join(reach.obligations)}"


def _way(protocol: str, account: str) -> str:
    return f"{protocol} with account {account}" if account else protocol


def _deed(deed: DeedView | None) -> str:
    return f"{deed.name} on {deed.at:%Y-%m-%d %H:%M} UTC" if deed else "nobody"


def _say(line: str, *, error: bool = False) -> None:
    """One line; what people wrote in notes and titles moves no cursor."""
    typer.echo(printable(line), err=error)


def _line(text: str) -> str:
    return " ".join(text.split())


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _wrong(lines: Iterable[str], last: str) -> NoReturn:
    for line in lines:
        _say(line, error=True)
    _say(f"{last}.", error=True)
    raise typer.Exit(1)
