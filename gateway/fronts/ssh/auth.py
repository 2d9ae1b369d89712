"""Who is there: key or password, then a code, then the hold. One `SignIn` for one login name on one connection.

What counts is proved here and nowhere else; the SSH library only carries questions and answers:
1. A key counts once its signature over this very request was verified, never when it is offered (CVE-2023-43660).
2. A wrong password is told after the code, so that nobody learns which of both was wrong.
3. The person is the one that `identity.log_in` names for all proofs, and each proof must be his (CVE-2023-48712).
4. An answer that was not asked for ends the connection: nobody guesses twice on one question.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from gateway.clock import Clock
from gateway.errors import Conflict, Refused
from gateway.fronts.errands import Errands
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.hold import Patience
from gateway.fronts.ssh.names import Login
from gateway.fronts.ssh.ports import Connection, Identity, Sessions, Visit
from gateway.identity.model import Factor, FactorProof, Person
from gateway.inventory.model import Protocol
from gateway.sessions.model import Arrival

Round = tuple[str, str, str, list[tuple[str, bool]]]  # name, instruction, language, prompts with echo (RFC 4256, 3.2)

PASSWORD_PROMPT: Final = "Password: "
CODE_PROMPT: Final = "Code: "
SECRET_CHARACTERS: Final = 1024  # a longer answer is no password of anybody's
DOOR: Final = "ssh"
_UNIFORM: Final = frozenset({"bad_credentials", "bad_code"})  # refusals that must not be told apart after a password


class Step(Enum):
    """Which question is open."""

    NOTHING = auto()
    PASSWORD = auto()
    CODE = auto()
    HOLD = auto()
    IN = auto()


class SignIn:
    """The conversation with somebody who claims to be `login.person`.

    Attributes:
        first: the first factor, proved.
        person: set once both factors were proved and he may come in.
        visit, connection: set for a login name with a target.
        admitted: he may open channels: the only thing that lets a success out.
    """

    def __init__(
        self,
        login: Login,
        *,
        source: str,
        client: str,
        intro: str,
        identity: Identity,
        sessions: Sessions,
        clock: Clock,
        errands: Errands,
    ) -> None:
        self.login, self._source, self._client, self._intro = login, source, client, intro
        self._identity, self._sessions, self._clock, self._errands = identity, sessions, clock, errands
        self._patience = Patience(clock)
        self._open = Step.NOTHING
        self._wrong: Refused | None = None
        self._said = self._takes = ""
        self.first: FactorProof | None = None
        self.person: Person | None = None
        self.proofs: tuple[FactorProof, ...] = ()
        self.visit: Visit | None = None
        self.connection: Connection | None = None

    @property
    def admitted(self) -> bool:
        return self.person is not None and (self.connection is not None or not self.login.target)

    @property
    def holding(self) -> bool:
        return self.visit is not None and self.connection is None

    async def proved_before(self, person: Person, proofs: tuple[FactorProof, ...]) -> bool:
        """He proved on a connection around this one who he is. Whether he is in at once; else he waits.

        Raises:
            Refused: he may not come in; final.
        """
        self.person, self.proofs = person, proofs
        await self._errands.run(self._arrive(person))
        return await self._wait(at_once=True) is True

    # --- public key

    async def offered(self, public: str) -> bool:
        """Whether a signature by this key would be taken. Proves nothing; what is asked again with the signature is
        answered from memory, for `prove_key` looks for itself."""
        if public != self._takes and await self._identity.has_key(self.login.person, public, self._source):
            self._takes = public
        return public == self._takes

    async def key_proved(self, public: str, *, touched: bool) -> None:
        """The signature of this request was verified: the key is the first factor.

        Raises:
            Refused: the person may not come in; final.
        """
        self.first = await self._identity.prove_key(self.login.person, public, touched, self._source)
        await self._with_recent_code(self.first)

    # --- keyboard-interactive

    async def challenge(self) -> Round:
        """The first question of a keyboard-interactive conversation, after what was proved so far."""
        if self.holding:
            return await self._hold_round(at_once=True)
        if self._by_key():
            return self._ask(Step.CODE)
        self.first = self._wrong = None  # else which question comes first would tell whether the password was right
        return self._ask(Step.PASSWORD)

    async def answer(self, responses: list[str]) -> Round | bool:
        """The next question; True when he may come in, False when that was wrong.

        Raises:
            Refused: final; its words are for the person.
        """
        asked, self._open = self._open, Step.NOTHING
        if asked is Step.HOLD:
            return await self._wait()
        if asked not in {Step.PASSWORD, Step.CODE}:
            raise Refused("unasked", texts.UNASKED)
        if len(responses) != 1:
            return self._failed(Refused("bad_credentials", texts.FAILED))
        if asked is Step.PASSWORD:
            return await self._password(responses[0])
        return await self._code(responses[0])

    async def _password(self, password: str) -> Round | bool:
        self._wrong = None
        try:
            if len(password) > SECRET_CHARACTERS:
                raise Refused("bad_credentials", texts.FAILED)
            self.first = await self._identity.check_password(self.login.person, password, self._source)
        except Refused as refused:
            self._wrong = refused
            return self._ask(Step.CODE)
        if await self._with_recent_code(self.first):
            return True if self.admitted else await self._hold_round(at_once=True)
        return self._ask(Step.CODE)

    async def _code(self, code: str) -> Round | bool:
        first = self.first
        if self._wrong is not None or first is None:
            return self._failed(self._wrong or Refused("bad_credentials", texts.FAILED))
        try:
            second = await self._identity.check_code(self.login.person, code[:SECRET_CHARACTERS], self._source)
        except Refused as refused:
            return self._failed(refused)
        await self._admit((first, second))
        return await self._wait(at_once=True)

    def _failed(self, refused: Refused) -> bool:
        """Say it with the next question. A key stays proved, a password has to be given again."""
        self._said = refused.words if self._by_key() or refused.code not in _UNIFORM else texts.FAILED
        if not self._by_key():
            self.first = self._wrong = None
        return False

    def _by_key(self) -> bool:
        return self.first is not None and self.first.factor is not Factor.PASSWORD

    def _ask(self, step: Step) -> Round:
        self._open = step
        said, self._said = self._said, ""
        intro, self._intro = self._intro, ""
        stage, prompt = (
            (texts.STAGE_PASSWORD, PASSWORD_PROMPT) if step is Step.PASSWORD else (texts.STAGE_CODE, CODE_PROMPT)
        )
        instruction = "\n".join(text for text in (intro.rstrip(), said, stage) if text)
        return "", instruction + "\n", "", [(prompt, False)]

    # --- in, or waiting

    async def _with_recent_code(self, first: FactorProof) -> bool:
        """Whether a code that is fresh enough for this target stands in for a new one (access model, rule 4)."""
        if not self.login.target:
            return False
        person = await self._identity.person(first.person)
        age = await self._sessions.freshness(person, self.login.target, Protocol.SSH)
        now = self._clock.now()
        recent = await self._identity.recent(person.id, self._source)
        fresh = next((p for p in recent if p.factor is Factor.TOTP and p.fresh(now, age)), None)
        if fresh is None:
            return False
        await self._admit((first, fresh))
        await self._wait(at_once=True)
        return True

    async def _admit(self, proofs: tuple[FactorProof, ...]) -> None:
        person = await self._identity.log_in(self.login.person, proofs, self._source, DOOR, self._client)
        if any(proof.person != person.id for proof in proofs):
            raise Refused("bad_credentials", texts.FAILED, detail="proofs of several persons")
        self.person, self.proofs = person, proofs
        if self.login.target:
            await self._errands.run(self._arrive(person))

    async def _arrive(self, person: Person) -> None:
        self.visit = await self._sessions.arrive(self.arrival(person, self.login.target, self.login.account))

    def arrival(self, person: Person, target: str, account: str) -> Arrival:
        return Arrival(person, target, account, Protocol.SSH, self._source, self._client, self.proofs)

    async def _wait(self, *, at_once: bool = False) -> Round | bool:
        """One step of the hold: in, or the next round without prompts."""
        if not self.admitted:
            text = await self._patience.step(self._visit(), at_once=at_once)
            if text:
                return self._hold(text)
            try:
                await self._enter()
            except Conflict:  # what was there a moment ago is gone: it holds again
                return await self._hold_round(at_once=True)
        self._open = Step.IN
        return True

    async def _hold_round(self, *, at_once: bool) -> Round:
        """The first round of a hold: whoever opens it has been told nothing yet."""
        self._patience = Patience(self._clock)
        text = await self._patience.step(self._visit(), at_once=at_once)
        return self._hold(text or self._patience.text(None))

    def _hold(self, text: str) -> Round:
        self._open = Step.HOLD
        return "", text + "\n", "", []

    async def _enter(self) -> None:
        await self._errands.run(self._take())

    async def _take(self) -> None:
        if self.connection is None:
            self.connection = await self._visit().enter()

    def _visit(self) -> Visit:
        if self.visit is None:
            raise Refused("unasked", texts.UNASKED)
        return self.visit
