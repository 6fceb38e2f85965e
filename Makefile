# `make simulate` on a fresh machine builds the environment and runs a federation of gateways;
# `make test` runs the tests. Neither needs anything but Python 3.11 or 3.12.

FITS   := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for each in python3.11 python3.12 python3; do \
            "$$each" -c "$(FITS)" 2>/dev/null && { echo "$$each"; break; }; done)
VENV   ?= .venv
EXTRAS ?= dev
OUT    ?= runs/first
DATA   ?=
ARGS   ?=
JOBS   ?= $(shell nproc)
BIN    := $(VENV)/bin
COMMA  := ,
BUILT  := $(VENV)/.built-$(subst $(COMMA),-,$(EXTRAS))

.DEFAULT_GOAL := help
.PHONY: help install simulate test test-slow lint format wheel clean

help:  ## Show these targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

$(BUILT): pyproject.toml constraints.txt
	@"$(PYTHON)" -c "$(FITS)" 2>/dev/null || { echo "error: expected Python 3.11 or 3.12," \
	  "got '$(PYTHON)'; name one with make PYTHON=..." >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

install: $(BUILT)  ## Build the environment in .venv.

simulate: $(BUILT)  ## Run a federation. DATA=flows.csv.gz for real flows, OUT=folder, ARGS=settings.
	$(BIN)/fednids simulate $(if $(DATA),--data "$(DATA)") --out "$(OUT)" $(ARGS)

test: $(BUILT)  ## Run the everyday tests.
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

test-slow: $(BUILT)  ## Run the long tests; EXTRAS=dev,ray for those on Ray.
	$(BIN)/python -m pytest -n $$(($(JOBS) + 1)) --dist loadfile --no-loadscope-reorder -m slow

lint: $(BUILT)  ## Check format, style, layers and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(BUILT)  ## Put the code into shape.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove what was built.
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
