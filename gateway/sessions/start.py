"""The start of a session: recorder first, then everything else in one transaction, or nothing at all."""

from __future__ import annotations

from dataclasses import replace

from gateway.access.model import Grant, Release
from gateway.audit.events.inventory_exceptions import ExceptionUsed
from gateway.audit.events.sessions import SessionStarted
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import Conflict, RecorderFailed, Refused
from gateway.inventory.model import Protocol, SecurityException
from gateway.policy.model import Allow
from gateway.recording.service import Recordings
from gateway.recording.writer import Recorder
from gateway.sessions import rules, sql, texts
from gateway.sessions.live import Live
from gateway.sessions.model import EndReason, Session, SessionEvent, SessionState, moved
from gateway.sessions.ports import Permissions
from gateway.store.db import Store, Tx


class Start:
    """INVARIANT: a session is `active` if and only if its recorder was open, its release used and its grant live in
    the transaction that made it so."""

    def __init__(
        self, store: Store, audit: AuditLog, clock: Clock, access: Permissions, recordings: Recordings
    ) -> None:
        self._store, self._audit, self._clock = store, audit, clock
        self._access, self._recordings = access, recordings

    async def run(self, live: Live, allow: Allow) -> None:
        """Make `live` active. Its lock is held.

        Raises:
            Conflict: something that it needs is gone; it holds again.
            Refused: not now.
        """
        live.move(SessionEvent.CLEARED)
        opened: list[Recorder] = []  # survives whatever happens to the transaction
        try:
            async with self._store.write() as tx:
                written = len(live.facts)
                grant, session = await self._write(tx, live, allow, opened)
        except Conflict:
            _abandon(opened)
            if live.over:
                raise live.refused() from None
            live.move(SessionEvent.HELD)
            raise
        except RecorderFailed as error:
            _abandon(opened)
            refusal = Refused("recorder", texts.NO_RECORDING, rule="access-model 2.15", detail=str(error))
            live.refuse(refusal, EndReason.RECORDER, "recorder")
            raise refusal from None
        except Refused as refusal:
            _abandon(opened)
            live.refuse(refusal, EndReason.POLICY)
            raise
        except BaseException:
            # The commit may have happened or not: the end looks into the row and seals or abandons after it.
            live.recorder = opened[0] if opened else None
            live.finish_with(EndReason.GATEWAY, GATEWAY)
            raise
        del live.facts[:written]
        if live.over:  # killed while it committed: it started, and it has ended
            live.recorder, live.stored = opened[0], session.version
            raise live.refused()
        live.start(grant, opened[0], session)

    async def _write(self, tx: Tx, live: Live, allow: Allow, opened: list[Recorder]) -> tuple[Grant, Session]:
        s, at = live.session, self._clock.instant()
        if await self._access.blocked(tx, live.person, live.target) is not None:
            raise Refused("blocked", texts.BLOCKED, rule="access-model 2.12")
        grant = await self._access.grant_for(tx, s.person, s.target, s.protocol, at.wall)
        if grant is None or (live.grant is not None and grant.id != live.grant.id):
            raise Conflict(texts.NOT_YET)
        obligations = live.obligations = allow.obligations.join(grant.obligations)
        release = await self._access.armed(tx, grant.id, at) if obligations.release else None
        if (obligations.release and release is None) or (obligations.observer and live.observers == 0):
            raise Conflict(texts.NOT_YET)
        running = await sql.running_on(tx, s.target, s.id)
        if (refusal := rules.busy(live.target, s.protocol, running, obligations.concurrency)) is not None:
            raise refusal
        held = live.target.held(_used(live, grant), at.wall)
        opened.append(
            await self._recordings.open(
                tx, session=s.id, person=s.person_name, target=s.target_name, protocol=s.protocol,
                meta=_meta(live, grant, release, allow, held),
            )
        )  # fmt: skip
        grant = await self._access.start(tx, grant, release, s.id, at)
        if grant.deadline is None:
            raise Conflict(texts.NOT_YET)
        session = replace(
            s, state=moved(SessionState.CONNECTING, SessionEvent.RECORDING), seq=opened[0].seq, grant=grant.id,
            started=at.wall, deadline=grant.deadline, hold=None, version=live.stored + 1,
        )  # fmt: skip
        for fact in list(live.facts):
            await self._audit.append(tx, fact)
        await sql.change(tx, session, live.stored)
        await self._audit.append(
            tx,
            SessionStarted(
                actor=s.person_name, source=s.source, session=s.id, seq=session.seq, target=s.target_name,
                protocol=s.protocol, account=s.account, grant=grant.id, release=release.id if release else "",
                deadline=grant.deadline.wall, policy_version=allow.version, rules=allow.rules,
                observers=live.observers,
            ),
        )  # fmt: skip
        for one in held:
            used = ExceptionUsed(
                actor=s.person_name, source=s.source, session=s.id, exception=one.id, kind=one.kind,
                target=s.target_name, service=one.service,
            )  # fmt: skip
            await self._audit.append(tx, used)
        if live.over:  # killed meanwhile: nothing of this happened
            raise live.refused()
        return grant, session


def _used(live: Live, grant: Grant) -> frozenset[str]:
    """Names of the services that the session can come to use."""
    own = frozenset[str]() if live.session.protocol is Protocol.TCP else frozenset({live.service.name})
    return own | grant.wanted.services


def _abandon(opened: list[Recorder]) -> None:
    for recorder in opened:
        recorder.abandon()


def _meta(
    live: Live, grant: Grant, release: Release | None, allow: Allow, held: tuple[SecurityException, ...]
) -> dict[str, object]:
    """What the first record of the recording says, so that it explains itself without the gateway."""
    s, wanted = live.session, grant.wanted
    return {
        "person": s.person_name,
        "person_title": s.person_title,
        "organisation": s.organisation,
        "target": s.target_name,
        "target_title": live.target.title,
        "account": s.account,
        "protocol": s.protocol,
        "source": s.source,
        "client": s.client,
        "node": s.node,
        "request": grant.request,
        "grant": grant.id,
        "digest": grant.digest,
        "purpose": wanted.purpose,
        "work_order": wanted.work_order,
        "channels": sorted(wanted.channels),
        "services": sorted(wanted.services),
        "exceptions": [
            {"id": e.id, "kind": e.kind, "reason": e.reason, "expires": e.expires.isoformat()} for e in held
        ],
        "release": release.id if release else "",
        "released_by": release.by_name if release else "",
        "policy_version": allow.version,
        "rules": list(allow.rules),
        "factors": sorted({p.factor.value for p in live.proofs}),
    }
