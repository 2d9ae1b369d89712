"""Versions below which a dependency has a hole that matters here; asserted at every start (security: a shared
environment brings old ones back without a word)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from gateway.errors import Invalid

FLOORS: Final[Mapping[str, tuple[tuple[int, ...], str]]] = {
    "asyncssh": ((2, 24, 0), "CVE-2026-62949: a zero packet size stops every session"),
    "cryptography": ((48, 0, 1), "asyncssh 2.24 needs it"),
    "starlette": ((1, 3, 0), "Host header handling"),
}


def assert_floors(installed: Mapping[str, str] | None = None) -> None:
    """Raises:
    Invalid: a package is missing or older than its floor; names it and why.
    """
    for package, (floor, why) in FLOORS.items():
        try:
            found = installed[package] if installed is not None else version(package)
        except (KeyError, PackageNotFoundError):
            raise Invalid(package, "is not installed") from None
        numbers = tuple(int(part) for part in found.split(".")[: len(floor)] if part.isdigit())
        if numbers < floor:
            least = ".".join(map(str, floor))
            raise Invalid(package, f"is {found}, must be {least} or newer ({why})")
