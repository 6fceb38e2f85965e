# `make simulate` on a fresh machine builds the environment and runs a federation;
# `make test` runs the tests. PYTHON may name another interpreter, DATA a flow file.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3 2>/dev/null))
VENV   ?= .venv
OUT    ?= runs/first
DATA   ?=
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install simulate test test-all lint format clean

help:  ## Show these targets.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

$(VENV)/.installed: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || \
	  { echo "error: expected Python 3.11 or 3.12, got '$(PYTHON)'; name one with PYTHON=..." >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/.installed  ## Build the environment.

simulate: install  ## Run a federation: DATA=flows.csv.gz for real flows, OUT=folder.
	$(BIN)/fednids simulate $(if $(DATA),--data "$(DATA)") --out "$(OUT)"

test: install  ## Run the everyday tests, a few minutes.
	$(BIN)/python -m pytest -m "not slow"

test-all: install  ## Run all tests, the slow ones too.
	$(BIN)/python -m pytest

lint: install  ## Check format, style, types and layers.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: install  ## Put the code into shape.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove what was built.
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
