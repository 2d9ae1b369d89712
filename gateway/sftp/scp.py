"""The command lines `scp -t` and `scp -f` that the old scp program runs on the target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScpCommand:
    """A parsed command line.

    Attributes:
        way: `upload` (`-t`, the target is the sink) or `download` (`-f`, it is the source).
        paths: one for an upload.
        directory: `-d`, the path must be a directory.
    """

    way: str
    paths: tuple[str, ...]
    recursive: bool = False
    preserve: bool = False
    directory: bool = False
    verbose: bool = False

    def rebuild(self) -> str:
        """The command line for the target, made of the parse alone."""
        raise NotImplementedError


def parse(command: str) -> ScpCommand | None:
    """`command` when it is one of the known forms, else None."""
    raise NotImplementedError
