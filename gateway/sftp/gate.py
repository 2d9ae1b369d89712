"""Whether a path lies where it may, asked of the target itself, before a request about it goes (security 37).

Under a restriction each path is canonicalised by the target (REALPATH), compared, and every directory below the
permitted one is looked at (LSTAT): a target whose REALPATH only tidies the text (there are such servers) does not get
a link past. What is then sent on is the canonical path. Requests wait for one another, so that they keep their order.

Of a path that need not exist yet, or that names a link itself (remove, rename, mkdir, lstat…), the directory is
canonicalised and the last name stays. A backslash, and `%2e` and its like, are refused.

A race remains: whoever works on the target by another way (a shell, a program) can put a link in place of a directory
between the look and the request. Nobody can through this proxy, for links cannot be made under a restriction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from gateway.limits import SFTP_PATH_PARTS
from gateway.sftp import paths
from gateway.sftp.line import Line
from gateway.sftp.messages import ByPath
from gateway.sftp.packets import Status, Type
from gateway.sftp.responses import AttrsReply, NameReply, Response, StatusReply


class Look(Enum):
    """What a path means to its request."""

    FOLLOW = auto()  # what a link points to
    MAYBE = auto()  # the same, and it need not exist
    ITSELF = auto()  # the link itself, or nothing yet
    BELOW = auto()  # the same, and not the permitted directory itself: it shall stay


@dataclass(slots=True, eq=False)
class Visit:
    """A request that waits to be let through.

    Attributes:
        wants: its paths as the client wrote them.
        go: called with the canonical paths.
        no: called when one lies outside, with that path.
        fail: called when the target cannot say, with its status.
    """

    wants: tuple[tuple[bytes, Look], ...]
    go: Callable[[list[str]], None]
    no: Callable[[bytes], None]
    fail: Callable[[StatusReply], None]
    found: list[str] = field(default_factory=list)


class Gate:
    """One look at a time.

    Attributes:
        home: where the account begins; relative paths of an unrestricted client mean it.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: deque[Visit] = deque()
        self._busy = False
        self._roots: dict[str, str] = {}  # permitted path: what the target makes of it
        self.home = "/"

    @property
    def roots(self) -> tuple[str, ...]:
        """The permitted directories as far as they are known."""
        return tuple(self._roots.get(p, p) for p in self._line.rules.paths or ())

    @property
    def cwd(self) -> str:
        """What relative paths mean: under a restriction the first permitted directory, for the home is outside."""
        return next(iter(self.roots), self.home) if self._line.rules.paths is not None else self.home

    def begin(self, then: Callable[[], None]) -> None:
        """Ask for the home and for the permitted directories, then go on."""

        def answered(response: Response) -> None:
            if (home := _one(response)) is not None:
                self.home = home
            self._prepare(then)

        self._line.ask(ByPath(Type.REALPATH, 0, b"."), answered)

    def enter(self, visit: Visit) -> None:
        self._waiting.append(visit)
        self._next()

    # --- within

    def _next(self) -> None:
        while self._waiting and not self._busy:
            self._busy = True
            self._prepare(self._look)

    def _done(self) -> None:
        self._waiting.popleft()
        self._busy = False

    def _prepare(self, then: Callable[[], None]) -> None:
        """`then`, once every permitted directory is known as the target calls it."""
        missing = next((p for p in self._line.rules.paths or () if p not in self._roots), None)
        if missing is None:
            then()
            return

        def answered(response: Response) -> None:
            self._roots[missing] = _one(response) or paths.absolute("/", missing)
            self._prepare(then)
            self._next()

        self._line.ask(ByPath(Type.REALPATH, 0, paths.octets(missing)), answered)

    def _look(self) -> None:
        """At the next path of the first visit."""
        visit = self._waiting[0]
        if self._line.rules.paths is None:
            self._go([paths.absolute(self.home, paths.text(path)) for path, _ in visit.wants])
        elif len(visit.found) == len(visit.wants):
            self._go(visit.found)
        else:
            octets, look = visit.wants[len(visit.found)]
            path = paths.text(octets)
            if paths.DISGUISED.search(path):
                self._no(octets)
                return
            if not path.startswith("/"):
                path = f"{self.cwd}/{path}"
            self._realpath(path.rstrip("/") or "/", look)

    def _realpath(self, path: str, look: Look) -> None:
        parent, _, last = path.rpartition("/")
        if look is not Look.FOLLOW and look is not Look.MAYBE and last not in ("", ".", ".."):
            self._resolve(parent or "/", last, look, None)
        else:
            self._resolve(path, "", look, (parent or "/", last) if last not in ("", ".", "..") else None)

    def _resolve(self, path: str, last: str, look: Look, otherwise: tuple[str, str] | None) -> None:
        """Canonicalise `path` and put `last` behind it; `otherwise` is tried when it need not exist and does not."""

        def answered(response: Response) -> None:
            real = _one(response)
            if real is not None:
                self._compare(paths.absolute(real, last) if last else real, last, look)
            elif look is Look.MAYBE and otherwise is not None and _missing(response):
                self._resolve(otherwise[0], otherwise[1], look, None)
            else:
                self._fail(response)
            self._next()

        self._line.ask(ByPath(Type.REALPATH, 0, paths.octets(path)), answered)

    def _compare(self, path: str, last: str, look: Look) -> None:
        roots = self.roots
        inside = paths.below(path, roots) if look is Look.BELOW else paths.within(path, roots)
        steps = paths.steps(path, roots)
        if not inside or paths.DISGUISED.search(path) or len(steps) > SFTP_PATH_PARTS:
            self._no(self._want)
            return
        if last and look is not Look.MAYBE:
            steps = steps[:-1]  # the last name means the link itself
        left = len(steps)
        if not left:
            self._found(path)
            return
        answers: list[Response] = []

        def answered(response: Response) -> None:
            answers.append(response)
            if len(answers) == left:
                self._judge(path, answers)
                self._next()

        for step in steps:
            self._line.ask(ByPath(Type.LSTAT, 0, paths.octets(step)), answered)

    def _judge(self, path: str, answers: list[Response]) -> None:
        """A link, or something of which the target does not say that it is none, is outside."""
        for response in answers:
            if isinstance(response, AttrsReply):
                if response.attributes.link or response.attributes.permissions is None:
                    self._no(self._want)
                    return
            elif not _missing(response):
                self._fail(response)
                return
        self._found(path)

    @property
    def _want(self) -> bytes:
        visit = self._waiting[0]
        return visit.wants[len(visit.found)][0]

    def _found(self, path: str) -> None:
        self._waiting[0].found.append(path)
        self._look()

    def _go(self, found: list[str]) -> None:
        visit = self._waiting[0]
        self._done()
        visit.go(found)

    def _no(self, path: bytes) -> None:
        visit = self._waiting[0]
        self._done()
        visit.no(path)

    def _fail(self, response: Response) -> None:
        """The target cannot say. Of what does not even look permitted, nobody learns whether it is there."""
        if not paths.within(paths.absolute(self.cwd, paths.text(self._want)), self.roots):
            self._no(self._want)
            return
        visit = self._waiting[0]
        self._done()
        failed = response if isinstance(response, StatusReply) else StatusReply(0, Status.FAILURE)
        visit.fail(failed)


def _one(response: Response) -> str | None:
    """The absolute path that a REALPATH gave, tidied; None when it gave none."""
    if not isinstance(response, NameReply) or len(response.names) != 1:
        return None
    path = paths.text(response.names[0].name)
    return paths.absolute("/", path) if path.startswith("/") else None


def _missing(response: Response) -> bool:
    return isinstance(response, StatusReply) and response.code == Status.NO_SUCH_FILE
