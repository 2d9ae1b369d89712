"""Organisations, persons, invitations and keys: admins, on the admin door.

Whatever touches the factors or the roles of a person needs a fresh code of the admin: a sign-in that was left open or
stolen must not be enough to become somebody else.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.errors import NotFound, Refused, Stale
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Admin, Asker, Everything, Id, needs
from gateway.fronts.api.etags import CHANGED, SeenVersion, tag, tagged
from gateway.fronts.api.pages import Pages
from gateway.fronts.api.services import Services
from gateway.fronts.api.tokens import token_view
from gateway.fronts.api.views.admin import (
    Invited,
    KeyNew,
    KeyView,
    OrganisationNew,
    OrganisationView,
    PersonNew,
    PersonView,
)
from gateway.fronts.api.views.changes import Confirmed, Disable, KeyGone, OrganisationChange, PersonChange
from gateway.fronts.api.views.common import IF_MATCH, SIGNED_IN, Done, problems
from gateway.fronts.api.views.tokens import TokenView
from gateway.identity.model import UNCHANGED, Organisation, Person, Role, Scope, SshKey

router = APIRouter(tags=["people"], dependencies=[needs(Scope.PEOPLE)])
_READ = problems(*SIGNED_IN)
_ONE = problems(*SIGNED_IN, 404)
_MAKE = problems(*SIGNED_IN, 409)
_DO = problems(*SIGNED_IN, 404, 409)
_CHANGE = problems(*SIGNED_IN, *IF_MATCH, 404)


@router.get("/organisations", summary="Every organisation", responses=_READ)
async def list_organisations(_who: Admin, state: Everything) -> list[OrganisationView]:
    return [_organisation(o) for o in await state.identity.organisations()]


@router.post("/organisations", status_code=201, summary="Declare an organisation", responses=_MAKE)
async def add_organisation(
    asked: OrganisationNew, who: Admin, state: Everything, response: Response
) -> OrganisationView:
    made = await state.identity.add_organisation(
        who.person, asked.name, asked.title, asked.plant, asked.contract_end, asked.networks, source=who.source
    )
    return tagged(response, _organisation(made))


@router.get("/organisations/{name}", summary="One organisation", responses=_ONE)
async def get_organisation(name: Id, _who: Admin, state: Everything, response: Response) -> OrganisationView:
    found = next((o for o in await state.identity.organisations() if o.name == name), None)
    if found is None:
        raise NotFound("organisation")
    return tagged(response, _organisation(found))


@router.patch("/organisations/{name}", summary="Change an organisation", responses=_CHANGE)
async def change_organisation(
    name: Id, asked: OrganisationChange, version: SeenVersion, who: Admin, state: Everything, response: Response
) -> OrganisationView:
    made = await state.identity.change_organisation(
        who.person,
        name,
        title=asked.title,
        contract_end=asked.contract_end if "contract_end" in asked.model_fields_set else UNCHANGED,
        networks=asked.networks,
        version=version,
        source=who.source,
    )
    return tagged(response, _organisation(made))


@router.get("/people", summary="Every person", responses=_READ)
async def list_people(_who: Admin, state: Everything, pages: Pages) -> list[PersonView]:
    return [_person(p) for p in pages.cut(await state.identity.people(), lambda p: p.name)]


@router.post("/people", status_code=201, summary="Declare a person and invite him", responses=_DO)
async def add_person(asked: PersonNew, who: Admin, state: Everything) -> Invited:
    """A name that exists is refused: to invite somebody again never changes what he may do."""
    if who.sign_in is None and set(asked.roles) != {Role.VENDOR}:
        words = "A program may invite persons with the role vendor alone. Others are invited by an admin in the page."
        raise Refused("not_with_token", words, rule="tokens")
    person, invitation = await state.identity.add_person(
        who.person, asked.name, asked.title, asked.organisation, asked.roles, asked.expires, source=who.source
    )
    return Invited(name=person.name, invitation=invitation)


@router.get("/people/{name}", summary="One person", responses=_ONE)
async def get_person(name: Id, _who: Admin, state: Everything, response: Response) -> PersonView:
    return tagged(response, _person(await state.identity.person_named(name)))


@router.patch("/people/{name}", summary="Change a person", responses=_CHANGE, dependencies=[SIGNED_IN_ONLY])
async def change_person(
    name: Id, asked: PersonChange, version: SeenVersion, who: Admin, state: Everything, response: Response
) -> PersonView:
    if (await state.identity.person_named(name)).version != version:  # before a code is used up for nothing
        raise Stale(CHANGED)
    await _step_up(state, who, asked)
    made = await state.identity.change_person(
        who.person,
        name,
        version,
        title=asked.title,
        roles=asked.roles,
        expires=asked.expires if "expires" in asked.model_fields_set else UNCHANGED,
        enabled=asked.enabled,
        source=who.source,
    )
    return tagged(response, _person(made))


@router.post(
    "/people/{name}/invite",
    summary="Invite again: resets both factors",
    responses=_DO,
    dependencies=[SIGNED_IN_ONLY],
)
async def invite(name: Id, asked: Confirmed, who: Admin, state: Everything) -> Invited:
    await _step_up(state, who, asked)
    return Invited(name=name, invitation=await state.identity.invite(who.person, name, source=who.source))


@router.post(
    "/people/{name}/disable", summary="Keep a person out from now on", responses=_DO, dependencies=[SIGNED_IN_ONLY]
)
async def disable(name: Id, asked: Disable, who: Admin, state: Everything, response: Response) -> PersonView:
    await _step_up(state, who, asked)
    await state.identity.disable(who.person, name, asked.reason, source=who.source)
    return tagged(response, _person(await state.identity.person_named(name)))


@router.get("/people/{name}/keys", summary="A person's SSH public keys", responses=_ONE)
async def list_keys(name: Id, _who: Admin, state: Everything) -> list[KeyView]:
    person = await state.identity.person_named(name)
    return [_key(k) for k in await state.identity.keys(person)]


@router.post(
    "/people/{name}/keys",
    status_code=201,
    summary="Add an SSH public key",
    responses=_DO,
    dependencies=[SIGNED_IN_ONLY],
)
async def add_key(name: Id, asked: KeyNew, who: Admin, state: Everything) -> KeyView:
    person = await state.identity.person_named(name)
    await _step_up(state, who, asked)
    return _key(await state.identity.add_key(person, asked.public, asked.title, actor=who.person, source=who.source))


@router.post(
    "/people/{name}/keys/remove", summary="Remove an SSH public key", responses=_DO, dependencies=[SIGNED_IN_ONLY]
)
async def remove_key(name: Id, asked: KeyGone, who: Admin, state: Everything) -> Done:
    """No DELETE: the code belongs into a body, where no log sees it."""
    person = await state.identity.person_named(name)
    await _step_up(state, who, asked)
    await state.identity.remove_key(person, asked.fingerprint, actor=who.person, source=who.source)
    return Done()


@router.get(
    "/people/{name}/tokens",
    summary="A person's API tokens, newest first",
    responses=_ONE,
    dependencies=[SIGNED_IN_ONLY],
)
async def list_tokens_of(name: Id, _who: Admin, state: Everything) -> list[TokenView]:
    person = await state.identity.person_named(name)
    return [token_view(token) for token in await state.identity.api_tokens.of(person)]


@router.delete(
    "/people/{name}/tokens/{token_id}",
    summary="Revoke a person's API token",
    responses=_ONE,
    dependencies=[SIGNED_IN_ONLY],
)
async def revoke_token_of(name: Id, token_id: Id, who: Admin, state: Everything) -> Done:
    """No code: it only takes away."""
    person = await state.identity.person_named(name)
    await state.identity.api_tokens.revoke(person, token_id, actor=who.person, source=who.source)
    return Done()


async def _step_up(state: Services, who: Asker, asked: Confirmed | KeyNew) -> None:
    await state.identity.confirm(who.person, asked.code, who.source)


def _organisation(organisation: Organisation) -> OrganisationView:
    return OrganisationView(
        name=organisation.name,
        title=organisation.title,
        plant=organisation.plant,
        contract_end=organisation.contract_end,
        networks=list(organisation.networks),
        etag=tag(organisation.version),
    )


def _person(person: Person) -> PersonView:
    return PersonView(
        name=person.name,
        title=person.title,
        organisation=person.organisation.name,
        roles=sorted(person.roles),
        expires=person.expires,
        disabled=person.disabled,
        etag=tag(person.version),
    )


def _key(key: SshKey) -> KeyView:
    return KeyView(fingerprint=key.fingerprint, public=key.public, title=key.title, added=key.added)
