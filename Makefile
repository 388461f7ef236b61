# Everything a person or CI runs here. `make` lists it. Needs Python 3.11+ and make; all else goes into .venv.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
# Set up = the lock installed with its hashes, then this project on top of it. The stamps make the second time quick.
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
UV_VERSION := 0.13.9

# make lock LOCK_ARGS=--upgrade takes the newest versions; without it only what pyproject.toml asks for changes.
LOCK_ARGS ?=

# make simulate SEEDS=100000 FIRST=0 JOBS=2
SEEDS ?= 2000
FIRST ?= 0
JOBS ?= 2

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo drill run test lint proto bench bench-tools simulate chaos soak clean lock prometheus redis-server faketime flood compiled compiler

help: ## list what make can do
	@echo "risksvc: what make can do (each sets up what it needs in $(VENV))"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { gsub(/\$$\$$/, "$$", $$2); printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv: the locked dependencies, then this project
	@echo "setup: $(VENV) is ready ($$($(BIN)/python --version))"

demo: $(READY) ## play the $$200K incident with real processes, in two minutes
	@echo "demo: the \$$200K incident, checked act by act; the report goes to demo-report.json"
	@$(BIN)/risksvc demo

drill: $(READY) ## play an incident from divergence to review, led by what is printed
	@echo "drill: halt, assess, decide, flatten, resume, review; every record is checked"
	@$(BIN)/risksvc drill

run: $(READY) ## start the demo's world and keep it up until Ctrl-C
	@echo "run: the demo's world, kept up; Ctrl-C ends it"
	@$(BIN)/risksvc demo --keep-running

compiled: $(READY) compiler ## a wheel with the gate compiled, in dist/ (deploy/compiled)
	@echo "compiled: a wheel with the gate compiled, and what is in it for bench and tests (about three minutes)"
	@$(BIN)/python -m deploy.compiled.build --wheel dist --into .compiled

compiler: $(BIN)/python ## install Debian's gcc and Python's headers if they are missing (as root)
	@.ci/compiler "$(abspath $(BIN)/python)"

test: lint prometheus redis-server faketime compiler ## lint, then every test; the core at 100 % branch coverage
	@echo "test: the whole suite on three workers; tests that start processes run in two rows, all else beside them"
	@export TMPDIR=$$(.ci/scratch); echo "test: their files are in $$TMPDIR"; \
		$(BIN)/python -m pytest -n 3 --cache-clear --cov --cov-report= || $(BIN)/python -m tests.rows $$?
	@echo "test: coverage of risksvc $$($(BIN)/coverage report --format=total) %; of risksvc/core, lines and branches, it must be 100 %:"
	@$(BIN)/coverage report --include='risksvc/core/*' --fail-under=100

lint: $(READY) ## style, types, import rules, protos, generated code
	@echo "lint: ruff, mypy --strict, import rules, buf, generated code"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/buf lint proto
	@$(BIN)/python proto/generate.py --check

proto: $(READY) ## generate risksvc/v1 from proto/
	@echo "proto: generate risksvc/v1 from proto/risksvc/v1"
	@$(BIN)/python proto/generate.py

# make bench QUICK=1 takes two minutes; ONLY=gate/1,halts measures some rows and parts, and writes no report; SKIP=memory leaves
# out the longest part (ten million checks, half an hour).
QUICK ?=
ONLY ?=

bench: $(READY) bench-tools compiled ## measure, beside bare echoes; report in tests/bench/results.md
	@echo "bench: measure on this machine; close other programs first"
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick) --only "$(ONLY)" --skip "$(SKIP)"

bench-tools: $(READY) redis-server ## build what bench measures with; Debian's compilers, as root
	@.ci/bench-tools .bench "$(abspath $(BIN)/python)"

# make chaos CHAOS_ARGS="--long --cycles 1000 --halts 250 --outages 20" is the long one: half an hour on a quiet machine.
CHAOS_ARGS ?=

chaos: $(READY) faketime ## kill, pause, cut and starve real processes; no halt may be lost
	@echo "chaos: three gates, three strategies, a real Redis behind a fault proxy"
	@$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

# make soak SOAK_ARGS="--only load,faults --seconds 60 --runs 100"; all of it takes about an hour and a half.
SOAK_ARGS ?=

soak: $(READY) ## the proof of reconciliation: load, drift, faults, silence, release
	@echo "soak: real processes on loopback, for more than an hour; close other programs first"
	@$(BIN)/python -m tests.soak $(SOAK_ARGS)

flood: $(READY) ## halt under ten times the checks that the gate can take, and time it
	@echo "flood: half a minute of load on loopback; close other programs first"
	@$(BIN)/python -m tests.bench.flood

simulate: $(READY) ## run seeds of the deterministic simulation: make simulate SEEDS=n
	@echo "simulate: $(SEEDS) seeds of the product's own code under virtual time, from seed $(FIRST) on"
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS)

clean: ## remove .venv, caches and what was built; never a state folder
	@echo "clean: remove $(VENV), caches, build results"
	@rm -rf $(VENV) .bench .compiled build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find risksvc tests proto -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(VENV)/.uv ## resolve pyproject.toml into requirements.lock, with hashes
	@echo "lock: pyproject.toml -> requirements.lock"
	@.ci/lock "$(VENV)/lock/bin/uv" $(LOCK_ARGS)

faketime: ## install Debian's package faketime if libfaketime is missing (as root)
	@.ci/faketime

prometheus: ## install Debian's prometheus package if promtool is missing (as root; its service is not started)
	@.ci/service prometheus promtool prometheus

redis-server: ## install Debian's redis-server package if it is missing (as root; its service is not started)
	@.ci/service redis-server redis-server

$(BIN)/python:
	@.ci/venv "$(VENV)" "$(PYTHON)"

$(LOCKED): requirements.lock | $(BIN)/python
	@echo "setup: install requirements.lock into $(VENV), hashes checked"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	@echo "setup: install this project into $(VENV), in place"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

$(VENV)/.uv: | $(BIN)/python
	@echo "lock: install uv $(UV_VERSION) into $(VENV)/lock"
	@$(BIN)/python -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@touch $@
