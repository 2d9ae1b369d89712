"""A policy set as its files: one schema, Cedar files, and cases of its own; read from a folder, named by a digest.

The name of a set is the beginning of its digest: what a decision was made by, what was signed, and what is in force
are told apart by it, in the page, on the command line and in the audit log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.errors import Invalid
from gateway.limits import POLICY_FILES, POLICY_OCTETS

SCHEMA: Final = "schema.cedarschema"
VERSION_DIGITS: Final = 12  # hex digits of SHA-256: read out on the phone, and no accident makes two alike
NAME: Final = re.compile(r"schema\.cedarschema|[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.cedar|tests/[A-Za-z0-9._-]{1,63}\.toml")
PATTERNS: Final = ("*.cedar", "tests/*.toml")

Files = Mapping[str, str]


def read(folder: Path) -> dict[str, str]:
    """The files of `folder` that belong to a policy set; others are left alone.

    Raises:
        Invalid: it is no folder, or one of the files cannot be read; the field is the file.
    """
    if not folder.is_dir():
        raise Invalid(str(folder), "is not a folder")
    found = sorted(path for pattern in PATTERNS for path in folder.glob(pattern))
    schema = folder / SCHEMA
    texts = {SCHEMA: _text(schema) if found or schema.exists() else ""}
    return texts | {path.relative_to(folder).as_posix(): _text(path) for path in found}


def accepted(files: Files) -> dict[str, str]:
    """Files that somebody sent, line ends as here.

    Raises:
        Invalid: a name that no policy set has, too many, or too large.
    """
    for name in files:
        if not NAME.fullmatch(name):
            raise Invalid(_shown(name), f"must be called {SCHEMA}, NAME.cedar or tests/NAME.toml")
    if len(files) > POLICY_FILES:
        raise Invalid("files", f"must be at most {POLICY_FILES}, are {len(files)}")
    texts = {SCHEMA: ""} | {name: text.replace("\r\n", "\n").replace("\r", "\n") for name, text in files.items()}
    if (octets := sum(len(text.encode(errors="replace")) for text in texts.values())) > POLICY_OCTETS:
        raise Invalid("files", f"must be at most {POLICY_OCTETS} octets together, are {octets}")
    for name, text in texts.items():
        if any(0xD800 <= ord(c) <= 0xDFFF or c == "\0" for c in text):
            raise Invalid(name, "is no text")
    return texts


def digest(files: Files) -> str:
    """SHA-256 in hex over names and contents, in the order of the names; lengths first, so that no two sets look alike.

    Each file adds its name, a line end, its length in octets, a line end, and itself.
    """
    whole = hashlib.sha256()
    for name, text in sorted(files.items()):
        data = text.encode()
        whole.update(f"{name}\n{len(data)}\n".encode() + data)
    return whole.hexdigest()


def version(files: Files) -> str:
    """The name of the set."""
    return digest(files)[:VERSION_DIGITS]


def policies(files: Files) -> dict[str, str]:
    """The Cedar files, in the order of their names."""
    return {name: text for name, text in sorted(files.items()) if name.endswith(".cedar")}


def cases(files: Files) -> dict[str, str]:
    """The files of cases, in the order of their names."""
    return {name: text for name, text in sorted(files.items()) if name.startswith("tests/")}


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(file.name, f"cannot be read: {error}") from None


def _shown(name: str) -> str:
    return name[:64].encode("ascii", "backslashreplace").decode()
