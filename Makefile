# Everything starts from plain Python 3.11 or newer: the first target that needs it makes .tools (holding
# uv) and from it .venv (holding what uv.lock names). Nothing is installed outside this folder.

PYTHON  ?= python3
UV_PIN  := 0.13.8
JOBS    ?= auto
ARGS    ?=

BIN     := .venv/bin
READY   := .venv/.ready
TOOLS   := .tools/.uv-$(UV_PIN)
UV      := UV_PYTHON_DOWNLOADS=never .tools/bin/uv

# Whoever switches compiled files off pays for it at every start of a process, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports format simulate soak bench example audit lock clean

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

setup: $(READY) ## Set up .venv with syncd in it, and nothing else.

demo: $(READY) ## See it work: five simulated CRMs kept the same, on a database of its own.
	@$(BIN)/syncd demo $(ARGS)

test: $(READY) ## Run all tests (ARGS="-k name" for some of them).
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

check: lint types imports ## Lint, types, import contracts.

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

format: $(READY) ## Format the code and mend what can be mended by rule.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

simulate: $(READY) ## Run the engine against simulated vendors, people, faults and crashes.
	$(BIN)/python -m tests.simulation $(ARGS)

soak: $(READY) ## Run the service for ten minutes with people, faults, kills and an outage (ARGS="--minutes 1").
	$(BIN)/python -m tests.soak $(ARGS)

bench: $(READY) ## Print the benchmarks.
	$(BIN)/pytest tests/benchmarks -o python_files='bench_*.py' -p no:randomly -p no:xdist -s $(ARGS)

example: $(READY) ## Write config/syncd.example.toml anew after the settings changed.
	$(BIN)/syncd config example > config/syncd.example.toml

audit: $(READY) ## Look the locked packages up among known vulnerabilities (asks the network).
	$(BIN)/pip-audit --skip-editable

lock: $(TOOLS) ## Bring uv.lock up to date with pyproject.toml.
	$(UV) lock $(ARGS)

clean: ## Remove what was made here, virtual environments included.
	rm -rf .venv .tools dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find syncd migrations tests -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock | $(TOOLS)
	@$(UV) sync --frozen --compile-bytecode --quiet --python $(PYTHON)
	@$(BIN)/python -m compileall -q syncd migrations
	@touch $@

$(TOOLS):
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not there; install Python 3.11 or newer, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) -V); 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) has no venv module; on Debian: apt-get install python3-venv"; exit 1; }
	@rm -rf .tools && $(PYTHON) -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_PIN) || { rm -rf .tools; echo "error: uv could not be installed"; exit 1; }
	@touch $@
