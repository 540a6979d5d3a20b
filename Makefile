# Two commands, each from a fresh clone:
#
#   make figures    every figure, table, claim and the report
#   make test       the test suite
#
# Both set up .venv first and leave it alone while nothing changed. `make help` lists the rest.

PRESET ?= default
SETTINGS ?=
CORES ?= all
TARGETS ?=
SNAKEMAKE_ARGS ?=
PYTEST_ARGS ?= -n auto --maxprocesses 8 --dist loadfile

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PARTIAL := $(VENV)/.partial

# The ready mark holds the folder the environment was made in (its scripts carry that path) and the
# torch asked for by hand, if any, so that later commands need not repeat it.
MADE_IN := $(shell sed -n 1p $(READY) 2>/dev/null)
MADE_TORCH := $(shell sed -n 2p $(READY) 2>/dev/null)
PINNED_TORCH := $(shell sed -n 's/^torch = \["\(torch==[0-9.]*\)"\].*/\1/p' pyproject.toml)
ifdef TORCH
  BY_HAND := $(TORCH)
else
  BY_HAND := $(MADE_TORCH)
endif
WANTED_TORCH := $(or $(BY_HAND),$(PINNED_TORCH))

ifneq ($(MADE_IN),$(CURDIR))
  STALE := FORCE
endif
ifneq ($(MADE_TORCH),$(strip $(BY_HAND)))
  STALE := FORCE
endif

ifeq ($(PRESET),default)
  FILES := $(SETTINGS)
else
  FILES := workflow/presets/$(PRESET).yaml $(SETTINGS)
endif
ifneq ($(strip $(FILES)),)
  CONFIG := --configfile $(FILES)
endif

PIP := PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq --no-deps

.DEFAULT_GOAL := help
.PHONY: help figures smoke test mutants faults lint format bench setup lock unlock clean distclean FORCE

help: ## this list
	@echo "usage: make [target] [NAME=value ...]"; echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'
	@echo; echo "  PRESET       default | smoke | paper: the scale of the run (now: $(PRESET))"
	@echo "  SETTINGS     files of yours, laid over the preset's; checked before the run"
	@echo "  CORES        how many cores to use (now: $(CORES))"
	@echo "  TARGETS      only these, e.g. TARGETS='fig02 table1' (empty: all)"
	@echo "  PYTHON       the Python to make .venv with, 3.11 or newer (default: the first found)"
	@echo "  TORCH        another build of torch for pip, remembered (now: $(WANTED_TORCH))"
	@echo "  PYTEST_ARGS, SNAKEMAKE_ARGS, MUTANTS_ARGS   passed on"

figures: preset-exists $(READY) ## every figure, table, claim and the report
	@$(if $(SETTINGS),$(BIN)/python -m replication config $(FILES) >/dev/null)
	@$(BIN)/snakemake --cores $(CORES) $(SNAKEMAKE_ARGS) $(CONFIG) -- $(TARGETS)

smoke: ## the same at a small scale, in about two minutes and without the network
	@$(MAKE) --no-print-directory figures PRESET=smoke

test: $(READY) ## the test suite
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest $(PYTEST_ARGS)

mutants: $(READY) ## change the code behind the verdicts and see that tests fail (MUTANTS_ARGS)
	@OMP_NUM_THREADS=1 $(BIN)/python tools/mutants.py $(MUTANTS_ARGS)

faults: $(READY) ## damage every kind of file of a small run, and put what came of it into docs/reliability.md
	@$(BIN)/python tools/faults.py --write

lint: $(READY) ## ruff, snakefmt, snakemake --lint, mypy, words, imports: all must be clean
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "lint: run 'make format'"; exit 1; }
	@$(BIN)/snakefmt --check Snakefile workflow || { echo "lint: run 'make format'"; exit 1; }
	@$(BIN)/snakemake --lint
	@$(BIN)/mypy
	@$(BIN)/python tools/words.py
	@said=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$said"; exit 1; }

format: $(READY) ## mend what ruff and snakefmt can mend by themselves
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

bench: $(READY) ## time the library against its alternatives (benchmarks/)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest benchmarks -q -s -o python_files="bench_*.py"
	@for name in ntk models premises training anil; do OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_$$name.py; done

setup: $(READY) ## only make .venv
	@echo "$(VENV) is ready"

lock: ## resolve pyproject.toml anew into the lock and its two views (UPGRADE=1: newest versions)
	@test -x .venv-lock/bin/uv || { python3 -m venv --clear .venv-lock && .venv-lock/bin/python -m pip install -qq uv; }
	@.venv-lock/bin/python tools/lock.py --uv .venv-lock/bin/uv $(if $(UPGRADE),--upgrade)

unlock: preset-exists $(READY) ## remove the locks of runs on other machines that were cut off
	@$(BIN)/snakemake --cores 1 --unlock $(SNAKEMAKE_ARGS) $(CONFIG)

clean: preset-exists ## remove results/PRESET and the tools' caches
	@rm -rf 'results/$(PRESET)' .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks
	@find src scripts tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## the same, and .venv and Snakemake's records of all runs
	@rm -rf $(VENV) .venv-lock .snakemake

.PHONY: preset-exists
preset-exists:
	@test '$(PRESET)' = default || test -f 'workflow/presets/$(PRESET).yaml' || { \
	  echo "error: no preset '$(PRESET)': workflow/presets/$(PRESET).yaml does not exist." >&2; \
	  echo "       Take one of: default $$(ls workflow/presets | sed -n 's/\.yaml$$//p' | tr '\n' ' ')" >&2; \
	  exit 2; }

FORCE:

# The mark of a set-up under way stays behind when it is interrupted; what pip had half written cannot
# be told from what it finished, so the next run starts over (from pip's cache). A Python from 3.14 on
# is the second choice: not every pin has a wheel for it, so it needs a compiler.
$(READY): pyproject.toml requirements.lock $(STALE)
	@set -eu; \
	if [ -e $(PARTIAL) ] || ! $(BIN)/python -c 'import pip' 2>/dev/null || \
	   { [ -e $(READY) ] && [ '$(MADE_IN)' != '$(CURDIR)' ]; }; then \
	  rm -rf $(VENV); \
	fi; \
	rm -f $(READY); \
	if [ ! -d $(VENV) ]; then \
	  python=; \
	  for below in 14 99; do for candidate in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
	    if [ -z "$$python" ] && "$$candidate" -c \
	      "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, $$below))" 2>/dev/null; then \
	      python=$$candidate; \
	    fi; \
	  done; done; \
	  if [ -z "$$python" ]; then \
	    found=$$($${PYTHON:-python3} --version 2>/dev/null || true); \
	    echo "error: Python 3.11 or newer is needed; found: $${found:-no $${PYTHON:-python3}}." >&2; \
	    echo "       Install one and name it: make $(or $(MAKECMDGOALS),figures) PYTHON=/path/to/python3.12" >&2; \
	    exit 2; \
	  fi; \
	  if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "error: $$python cannot make virtual environments: its venv module is not installed." >&2; \
	    echo "       On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	    exit 2; \
	  fi; \
	  echo "set-up 1/4: .venv, with $$("$$python" --version)"; \
	  mkdir -p $(VENV); touch $(PARTIAL); \
	  "$$python" -m venv $(VENV); \
	fi; \
	touch $(PARTIAL); \
	echo "set-up 2/4: the locked packages (a minute or two the first time)"; \
	$(PIP) --require-hashes -r requirements.lock; \
	echo "set-up 3/4: $(WANTED_TORCH)"; \
	$(subst --no-deps,,$(PIP)) $(WANTED_TORCH); \
	echo "set-up 4/4: innerlr itself"; \
	$(PIP) -e .; \
	rm -f $(PARTIAL); \
	printf '%s\n' '$(CURDIR)' '$(strip $(BY_HAND))' > $(READY)
