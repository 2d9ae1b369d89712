"""The schema of each door, which the page is generated from: python -m gateway.fronts.api.schema [admin]."""

from __future__ import annotations

import json
import sys

from gateway.fronts.api.app import bare, schema
from gateway.fronts.api.services import Door


def text(door: Door = Door.PEOPLE) -> str:
    """The schema of `door` as JSON, stable from run to run."""
    return json.dumps(schema(bare(door)), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(Door(sys.argv[1]) if len(sys.argv) > 1 else Door.PEOPLE))
