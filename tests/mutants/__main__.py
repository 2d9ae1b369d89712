"""`make mutants`: plant one break at a time in a copy of the tree and run the test that must notice.

A mutant that survives, or whose place in the source is gone, fails the run. With words as arguments, only mutants
that have one of them in their name or path: `python -m tests.mutants release gateway/rdp`.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.mutants.catalogue import MUTANTS
from tests.mutants.model import Mutant

ROOT: Final = Path(__file__).parent.parent.parent
COPIED: Final = (
    "gateway",
    "tests",
    "policies",
    "alembic",
    "web/openapi.json",
    "web/openapi-admin.json",
    "pyproject.toml",
    "README.md",
)
PYTEST: Final = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=no", "-rfE", "--timeout=60")
PASSED, FAILED = 0, 1  # exit statuses of pytest; the others say that nothing was tested


def main(words: Sequence[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in m.name or word in m.path for word in words)]
    if not chosen:
        print(f"no mutant has {' or '.join(words)} in its name or path")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        plant(copy)
        status, red = run(dict.fromkeys(m.test for m in chosen), copy, limit=600)
        if status not in {PASSED, FAILED}:
            print("the named tests cannot be run:", red, sep="\n")
            return 1
        alive = 0
        for mutant in chosen:
            verdict = "red before" if mutant.test in red else judge(mutant, copy)
            alive += verdict != "killed"
            print(f"{verdict:10} {mutant.name}  ({mutant.test})", flush=True)
    print(f"{len(chosen) - alive} passed, {alive} failed")
    return 1 if alive else 0


def plant(copy: Path) -> None:
    """What the tests need of the tree."""
    for name in COPIED:
        source, destination = ROOT / name, copy / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, destination)


def judge(mutant: Mutant, copy: Path) -> str:
    """What became of `mutant`. Only a test that ran and failed has killed it: a syntax error is no kill."""
    path = copy / mutant.path
    original = path.read_text() if path.exists() else ""
    if original.count(mutant.old) != 1:
        return "gone"
    path.write_text(original.replace(mutant.old, mutant.new))
    try:
        status, _ = run((mutant.test,), copy, limit=120)
    finally:
        path.write_text(original)
    return {PASSED: "survived", FAILED: "killed"}.get(status, "broken")


def run(tests: Iterable[str], copy: Path, limit: int) -> tuple[int, str]:
    """Exit status of pytest, -1 when it did not end in `limit` seconds, and the last of what it said."""
    command = [sys.executable, "-B", *PYTEST, *tests]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return -1, f"not done after {limit} s"
    return done.returncode, done.stdout[-20_000:] + done.stderr[-2_000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
