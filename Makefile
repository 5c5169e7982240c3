# Two commands matter: `make demo` and `make test`. Each sets up .venv by itself.
#
#   make PYTHON=python3.12 test      another interpreter (3.11 or newer); `make clean` first to change it
#   make demo ARGS="--headless --json"

PYTHON  ?= python3
ARGS    ?=
WORKERS ?= auto
UPGRADE ?=

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.ready

# Only the resolver that writes requirements.lock; nothing else needs it.
LOCK_TOOL := uv==0.13.9

# What a program prints on stdout is its own: no "Entering directory" in between (with -C add -s).
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-long lint types spec-check docs lock bench bench-boards selftest mutate clean

help:
	@echo 'make demo         a person, five vendors and a home, played live (ARGS="--headless --json")'
	@echo 'make test         lint, types, spec check, tests'
	@echo 'make test-long    the tests that take long'
	@echo 'make bench        measure this machine, one table; make bench-boards: feeds with 10^6 intents'
	@echo 'make selftest     measure the conformance suite by broken homes; make mutate: by random changes'
	@echo 'make lint | types | spec-check      the parts of make test'
	@echo 'make docs         the site of the spec in build/spec, with the checks of the suite'
	@echo 'make venv | lock | clean            the environment, its lock file, start over'

venv: $(STAMP)
	@:

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >&2 || { \
	  echo 'vrmproto needs Python 3.11 or newer, and "$(PYTHON)" is not that: ' "$$($(PYTHON) --version 2>&1)" >&2; \
	  echo 'Name another one: make PYTHON=python3.12 $(or $(firstword $(MAKECMDGOALS)),venv)' >&2; \
	  exit 1; }
	@{ echo 'Setting up $(VENV) (once; again when requirements.lock or pyproject.toml change) ...' && \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	  touch $@; } >&2

demo: $(STAMP)
	@exec $(BIN)/vrmproto demo $(ARGS)

# Runs one step and prints how long it took.
timed = @start=$$(date +%s); $(2) && echo "$(1): $$(( $$(date +%s) - start )) s"

lint: $(STAMP)
	$(call timed,lint,$(BIN)/ruff check . && $(BIN)/ruff format --check .)

types: $(STAMP)
	$(call timed,types,$(BIN)/mypy)

spec-check: $(STAMP)
	$(call timed,spec check,$(BIN)/vrm-conformance list --json | $(BIN)/vrmproto spec check --checks -)

# The site of the spec: static pages that need no server; what judges each requirement stands beside it.
docs: $(STAMP)
	@mkdir -p build
	@$(BIN)/vrm-conformance list --json > build/requirements.ndjson
	@$(BIN)/vrmproto spec build --checks build/requirements.ndjson $(ARGS)

# pytest comes last, so that its counts close the output.
test: $(STAMP)
	@$(MAKE) lint
	@$(MAKE) types
	@$(MAKE) spec-check
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not long" $(ARGS)

test-long: $(STAMP)
	@$(BIN)/python -m pytest -n $(WORKERS) -m long $(ARGS)

bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

# Measures the suite by homes with one bug each, and writes what it caught to docs/selftest.md.
selftest: $(STAMP)
	@$(BIN)/vrm-conformance selftest --write docs/selftest.md $(ARGS)

# Measures it by small changes anywhere in the reference that nobody thought of.
mutate: $(STAMP)
	@$(BIN)/python -m tests.broken.mutate --write docs/mutate.md $(ARGS)

bench-boards: $(STAMP)
	@$(BIN)/python -m benchmarks.boards $(ARGS)

# Keeps what is pinned as far as pyproject.toml allows; `make lock UPGRADE=--upgrade` takes the newest.
lock:
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install -q --disable-pip-version-check $(LOCK_TOOL)
	@.venv-lock/bin/uv pip compile pyproject.toml --group dev $(UPGRADE) \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) .venv-lock build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
