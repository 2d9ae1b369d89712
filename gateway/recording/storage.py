"""Where recordings lie. A live one is always a local file; a sealed one may move to another place later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

from gateway.errors import NotFound, RecorderFailed

SUFFIX: Final = ".slg"


class Storage(Protocol):
    """What the service needs. `name` is a file name without a folder."""

    def live(self, name: str) -> Path:
        """The local file that a recorder writes."""
        ...

    def created(self, name: str) -> None:
        """Make sure that a power cut does not lose the live file itself. Blocks.

        Raises:
            RecorderFailed: the disk did not take it.
        """
        ...

    def keep(self, name: str) -> None:
        """The recording is sealed and will not change: take it over. Blocks, raises as `created`."""
        ...

    def fetch(self, name: str) -> Path:
        """A local file to read it from. Blocks.

        Raises:
            NotFound: it is not there.
        """
        ...

    def live_names(self) -> list[str]:
        """The local files, sealed or not."""
        ...

    def put_aside(self, name: str) -> None:
        """A file that belongs to no session: keep it, apart."""
        ...


class LocalFolder:
    """All in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def live(self, name: str) -> Path:
        return self.folder / name

    def keep(self, name: str) -> None:
        """It is where it stays; only its entry must be durable."""
        self.created(name)

    def created(self, name: str) -> None:  # noqa: ARG002 - the whole folder is synchronised
        try:
            fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise RecorderFailed(f"recording: {error.strerror}") from error

    def fetch(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise NotFound("recording")
        return path

    def live_names(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if p.name.endswith(SUFFIX))

    def put_aside(self, name: str) -> None:
        (self.folder / name).rename(self.folder / f"{name}.unknown")
