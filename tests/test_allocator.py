"""Memory of sessions that idle goes back to the machine."""

import subprocess
import sys

PROGRAM = """
from pathlib import Path
from gateway.allocator import give_back
assert give_back()
def rss():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS")).split()[1])
before = rss()
held = [bytes([1]) * (300 << 10)]
del held  # glibc would raise its threshold here
held, pins = [], []
for _ in range(200):
    held.append(bytes([1]) * (300 << 10))
    pins.append(bytes(2000))  # small ones in between hold the heap open
held.clear()
print(rss() - before)
"""


def test_what_two_hundred_sessions_let_go_is_given_back() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 4000  # KiB, of 60,000 that were held
