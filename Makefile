# Trivium. A machine needs Python >= 3.11 and make; everything else is made here, inside .venv and .cache.
#
#   make demo     see it work          make check    before a commit, under a minute
#   make help     everything           make test     what a merge needs, under twenty minutes on two cores

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that is new enough, so that a machine whose `python3` is old still works.
PYTHON ?= $(shell for python in python3 python python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo "$$python" && break; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Worker processes of pytest.
JOBS ?= 2
# Extra arguments of `make conformance`, `make bench` and `make demo`, as in: make conformance ARGS="--all -k websocket"
ARGS ?=

export PIP_QUIET ?= 1
# pyright otherwise asks the network whether a newer pyright exists.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# -- Environments ------------------------------------------------------------------------------------------------
# A stamp says that the environment was made from this pyproject.toml, so the second run starts at once.

RUN := $(VENV)/.made-for-running
DEV := $(VENV)/.made-for-development

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Trivium needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# Dependency groups need pip 25.1, and Python 3.11 brings an older one.
$(RUN): pyproject.toml | $(BIN)/python
	@echo "Installing Trivium and what the example needs"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable '.[db,pages,testing]' --group demo
	@touch $@

$(DEV): $(RUN)
	@echo "Installing the test and lint tools"
	@$(PIP) install --editable '.[db,pages,testing]' --group dev
	@touch $@

# The benchmarks draw their results; nothing else needs what that takes.
BENCH := $(VENV)/.made-for-benchmarks
$(BENCH): bench/requirements.txt $(RUN)
	@echo "Installing what the benchmarks need"
	@$(PIP) install --requirement bench/requirements.txt
	@touch $@

# -- For users ---------------------------------------------------------------------------------------------------

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(RUN) ## Install, load the flights data set once, and serve examples/flights
	@$(BIN)/python -m examples.flights $(ARGS)

.PHONY: install
install: $(DEV) ## Make .venv with everything that development needs

# -- For developers ----------------------------------------------------------------------------------------------

.PHONY: check
check: lint mypy fast ## Lint, mypy and the fast tests: under a minute

.PHONY: test
TEST_PARTS := lint mypy pyright cover differential docs conformance
test: $(TEST_PARTS) ## Everything a merge needs

# For .ci/run, which runs the parts one by one, each within a limit of time.
.PHONY: test-parts
test-parts:
	@echo $(TEST_PARTS)

.PHONY: lint
lint: $(DEV) ## Style: ruff's rules and its formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: format
format: $(DEV) ## Apply ruff's formatting and its safe fixes
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

.PHONY: mypy
mypy: $(DEV) ## Types, with mypy --strict
	@$(BIN)/mypy

.PHONY: pyright
pyright: $(DEV) ## Types, with pyright
	@$(BIN)/pyright --warnings

.PHONY: fast
fast: $(DEV) ## The tests that take milliseconds
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -q -m "not slow and not conformance" --ignore tests/differential

.PHONY: cover
cover: $(DEV) ## The tests of tests/, with coverage
	@mkdir -p .cache/coverage
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -q --ignore tests/differential --cov --cov-fail-under=85 --cov-report=term --cov-report=html:.cache/coverage/html

# Thousands of programs, on two frameworks each: tracing their lines would take longer than running them.
.PHONY: differential
differential: $(DEV) ## The same programs on FastAPI and on Trivium, made by Hypothesis
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -q --timeout 600 tests/differential

.PHONY: docs
docs: $(DEV) ## Run every example of the README and the documentation
	@$(BIN)/pytest -q README.md docs

.PHONY: conformance
conformance: $(DEV) ## FastAPI 0.165's own suite on Trivium, against the real package
	@$(BIN)/python -m tests.conformance -n $(JOBS) $(ARGS)

.PHONY: bench
bench: $(BENCH) ## Serving, over real sockets, beside ten frameworks: needs wrk, under twelve minutes
	@$(BIN)/python -m bench.serving $(ARGS)

.PHONY: bench-data
bench-data: $(BENCH) ## The models, on PostgreSQL, beside raw asyncpg and other ORMs: about five minutes
	@$(PIP) install --quiet asyncpg
	@$(BIN)/python -m bench.data $(ARGS)

.PHONY: bench-core
bench-core: $(BENCH) ## The core, in process, beside FastAPI: about ten minutes
	@$(BIN)/python -m bench $(ARGS)

.PHONY: clean
clean: ## Remove what was made, except the environments and downloads
	@rm -rf .cache/mypy .cache/pytest .cache/coverage .ruff_cache .hypothesis build dist
	@find src tests examples bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
