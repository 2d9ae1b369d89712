"""Paths of the target: always with `/`, octets on the wire and text (losslessly) within."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.words import printable

# What some targets undo after the gateway has looked (security 37), and what a Windows target takes for `/`.
DISGUISED: Final = re.compile(r"%2e|%2f|%5c|\\", re.IGNORECASE)


def text(octets: bytes) -> str:
    """Losslessly: what is not UTF-8 becomes surrogates, which `octets` turns back."""
    return octets.decode("utf-8", "surrogateescape")


def octets(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def shown(path: str | bytes) -> str:
    """For notes, entries and words: one line, nothing a terminal obeys."""
    written = path if isinstance(path, str) else text(path)
    return written if written.isprintable() else printable(written)


def absolute(cwd: str, path: str) -> str:
    """`path` as seen from `cwd`, without `.`, `..` and doubled `/`; links are not looked at."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def within(path: str, prefixes: Iterable[str]) -> bool:
    """Whether the canonical `path` is one of `prefixes` or lies below one; whole names are compared."""
    return any(path == p or path.startswith(p if p.endswith("/") else p + "/") for p in prefixes)


def below(path: str, prefixes: Iterable[str]) -> bool:
    """Whether `path` lies below one of `prefixes` and is none of them."""
    prefixes = tuple(prefixes)
    return within(path, prefixes) and path not in prefixes


def split(path: str) -> tuple[str, str]:
    """The directory and the last name of a canonical path; the name of `/` is empty."""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


def steps(path: str, prefixes: Iterable[str]) -> tuple[str, ...]:
    """Each directory on the way from the longest prefix that holds `path` down to `path` itself, prefix excluded."""
    root = max((p for p in prefixes if within(path, (p,))), key=len, default="/").rstrip("/")
    names = [name for name in path[len(root) :].split("/") if name]
    return tuple(root + "/" + "/".join(names[: n + 1]) for n in range(len(names)))
