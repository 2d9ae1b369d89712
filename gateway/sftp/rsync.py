"""The command line `rsync --server …` that rsync runs on the target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RsyncCommand:
    """A parsed command line.

    Attributes:
        way: `download` when the target is the sender, else `upload`.
        paths: what is sent, or the one place it is received in.
        argv: the whole command line in words.
        deletes: the target deletes what the sender has not.
    """

    way: str
    paths: tuple[str, ...]
    argv: tuple[str, ...]
    deletes: bool = False

    def rebuild(self) -> str:
        """The command line for the target, made of the parse alone."""
        raise NotImplementedError


def parse(command: str) -> RsyncCommand | None:
    """`command` when it is one of the known forms, else None."""
    raise NotImplementedError
