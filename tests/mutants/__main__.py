"""`make mutants`: plant one break at a time in a copy of the tree and run the test that must notice.

A mutant that survives, or whose place in the source is gone, fails the run.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
COPIED = ("gateway", "tests", "policies", "alembic", "web/openapi.json", "pyproject.toml", "README.md")
LIMIT = 180  # seconds for one test


def main() -> int:
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source, destination = ROOT / name, copy / name
            destination.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy(source, destination)
        for mutant in MUTANTS:
            verdict = judge(mutant, copy)
            survivors += verdict != "killed"
            print(f"{verdict:9} {mutant.name}  ({mutant.test})", flush=True)
    print(f"{len(MUTANTS) - survivors} passed, {survivors} failed")
    return 1 if survivors else 0


def judge(mutant: Mutant, copy: Path) -> str:
    """What became of `mutant`: killed, survived, or gone when its place cannot be found exactly once."""
    path = copy / mutant.path
    original = path.read_text() if path.exists() else ""
    if original.count(mutant.old) != 1:
        return "gone"
    if run(mutant.test, copy):
        return "red before"
    path.write_text(original.replace(mutant.old, mutant.new))
    try:
        return "killed" if run(mutant.test, copy) else "survived"
    finally:
        path.write_text(original)


def run(test: str, copy: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", test]
    try:
        return subprocess.run(command, cwd=copy, capture_output=True, timeout=LIMIT, check=False).returncode
    except subprocess.TimeoutExpired:
        return 1


if __name__ == "__main__":
    sys.exit(main())
