"""What a planted break is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `path`, the text `old`, which stands there once, becomes `new`; then `test` must fail."""

    name: str
    path: str
    old: str
    new: str
    test: str
