"""The house keeps its shape: small files, and every package with tests of its own."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES = 400
SOURCES = sorted(
    path
    for folder, pattern in (("gateway", "*.py"), ("web/src", "*.ts"), ("web/src", "*.svelte"), ("tests", "*.py"))
    for path in (ROOT / folder).rglob(pattern)
    if "generated" not in path.name and not path.name.endswith(".d.ts")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_fits_the_mind(path: Path) -> None:
    limit = 500 if path.is_relative_to(ROOT / "tests") else LINES
    assert len(path.read_text().splitlines()) <= limit


def test_every_package_has_tests_of_its_name() -> None:
    packages = {p.name for p in (ROOT / "gateway").iterdir() if p.is_dir() and p.name != "__pycache__"}
    missing = {p for p in packages - {"fronts", "cli", "demo", "store", "audit"} if not (ROOT / "tests" / p).is_dir()}
    assert not missing


def test_nothing_forbidden_is_left_behind() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")
    left = [f"{p.relative_to(ROOT)}: {w}" for p in SOURCES for w in words if w in p.read_text()]
    assert not left
