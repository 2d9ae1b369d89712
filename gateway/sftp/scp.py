"""The command lines `scp -t` and `scp -f`, which old scp programs (OpenSSH -O, PuTTY, WinSCP) run on the target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.sftp.commandline import GLOBS, Word, words
from gateway.sftp.ledger import DOWNLOAD, UPLOAD

PROGRAMS: Final = frozenset({"scp", "/usr/bin/scp", "/bin/scp"})
OPTIONS: Final = frozenset("tfrpdvq")


@dataclass(frozen=True, slots=True)
class ScpCommand:
    """A parsed command line.

    Attributes:
        way: `upload` (`-t`, the target is the sink) or `download` (`-f`, it is the source).
        paths: one for an upload.
        directory: `-d`, the path must be a directory.
        shell: `paths` for a shell: what was a pattern still is one.
    """

    way: str
    paths: tuple[str, ...]
    recursive: bool = False
    preserve: bool = False
    directory: bool = False
    verbose: bool = False
    shell: tuple[str, ...] = field(default=(), repr=False)

    def rebuild(self) -> str:
        """The command line for the target, made of the parse alone."""
        letters = (("v", self.verbose), ("r", self.recursive), ("p", self.preserve), ("d", self.directory))
        options = [f"-{letter}" for letter, given in letters if given]
        return " ".join(("scp", *options, "-t" if self.way == UPLOAD else "-f", *self.shell))


def path_word(word: Word) -> str:
    """`word` for a shell, such that nothing it expands to can be an option."""
    return f"./{word.shell}" if word.text[:1] == "-" or word.shell[:1] in GLOBS else word.shell


def parse(command: str) -> ScpCommand | None:
    """`command` when it is one of the known forms, else None."""
    line = words(command)
    if not line or line[0].text not in PROGRAMS:
        return None
    letters = ""
    rest = list(line[1:])
    while rest and rest[0].text.startswith("-") and rest[0].text != "-":
        option = rest.pop(0)
        if option.text == "--":
            break
        if option.shell != option.text:
            return None
        letters += option.text[1:]
    paths = tuple(rest)
    if not OPTIONS.issuperset(letters) or ("t" in letters) == ("f" in letters) or not paths:
        return None
    if not all(word.text for word in paths) or ("t" in letters and len(paths) > 1):
        return None
    return ScpCommand(
        UPLOAD if "t" in letters else DOWNLOAD,
        tuple(word.text for word in paths),
        recursive="r" in letters,
        preserve="p" in letters,
        directory="d" in letters,
        verbose="v" in letters,
        shell=tuple(path_word(word) for word in paths),
    )
