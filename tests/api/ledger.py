"""Lines in the ledger of files, as sessions leave them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.ids import FileId, new_id
from gateway.sessions import sql_files
from gateway.sessions.files import Passed
from gateway.sessions.model import Session
from tests.api.site import Site


async def passed(site: Site, session: Session, **other: object) -> FileId:
    """A file that passed in `session`."""
    now = site.clock.now()
    line = Passed(
        FileId(new_id("fil")), session.id, session.seq, session.grant or "", session.person_name, session.target_name,
        1, 1, "upload", "/srv/in/plc.zip", 4, ((0, 4),), "ab" * 32, False, "passed", "",
        now - timedelta(seconds=1), now,
    )  # fmt: skip
    line = replace(line, **other)
    async with site.services.store.write() as tx:
        await sql_files.add(tx, [line])
    return line.id


async def held(site: Site, session: Session) -> FileId:
    """An upload that waits for somebody to deliver it."""
    return await passed(site, session, verdict="held")
