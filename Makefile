# Each command sets up everything it needs inside this folder. `make test` alone installs Debian packages, as root.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PREFIX ?= /opt/sluicegate
export UV_PYTHON_PREFERENCE := only-system
export UV_PROJECT_ENVIRONMENT := .venv
# Databases of tests live in memory where there is room: half of their time would be waiting for the disk.
export PYTEST_DEBUG_TEMPROOT := $(shell test -w /dev/shm && echo /dev/shm || echo /tmp)

.PHONY: demo install test quick lint bench mutants web clean

demo: .venv/.ready web/dist/.ready
	exec $(BIN)/sluicegate demo start

# The program, without tests and tools, in a folder of its own: $(PREFIX)/bin/sluicegate.
install: .venv/.ready web/dist/.ready
	test -x $(PREFIX)/bin/python || $(PYTHON) -m venv $(PREFIX)
	$(BIN)/uv export --quiet --frozen --no-dev --no-emit-project \
	  | $(BIN)/uv pip install --quiet --python $(PREFIX)/bin/python --require-hashes -r -
	$(BIN)/uv pip install --quiet --python $(PREFIX)/bin/python --no-deps --reinstall-package sluicegate .

test: .venv/.ready web/dist/.ready lint
	tests/peers.sh
	$(BIN)/pytest -n 2

quick: .venv/.ready
	$(BIN)/pytest -n 2 -m "not peer and not slow" -q

lint: .venv/.ready web/dist/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	web/npm.sh run check

bench: .venv/.ready
	tests/peers.sh
	$(BIN)/python -m tests.bench

mutants: .venv/.ready
	$(BIN)/python -m tests.mutants

web: web/dist/.ready

.venv/.ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip --quiet --disable-pip-version-check install "uv>=0.9"
	$(BIN)/uv sync --quiet --frozen
	touch $@

web/dist/.ready: .venv/.ready web/package-lock.json $(shell find web/src web/scripts web/index.html web/desktop.html web/package.json \
                 web/vite.config.ts web/svelte.config.js web/tsconfig.json -type f 2>/dev/null)
	web/npm.sh ci --no-audit --no-fund
	web/npm.sh run build
	touch $@

clean:
	rm -rf .venv .demo web/dist web/node_modules
