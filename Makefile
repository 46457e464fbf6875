# `make demo` and `make test` work on a fresh machine with Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
PRODUCTION_STAMP := $(VENV)/.installed-production

# What `make demo` builds: the last 90 days of the committed sample data.
DEMO_FROM ?= 2026-04-02
DEMO_TO ?= 2026-06-30

# Processes that share the tests, file by file.
WORKERS ?= 3

export DAGSTER_HOME ?= $(CURDIR)/.dagster_home

.PHONY: help demo test test-slow dev install production dashboard lint format constraints clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)

# Compiled once here: each run is a process of its own, and where Python may or shall not keep bytecode (a service without the
# right to write, PYTHONDONTWRITEBYTECODE), each would compile the libraries anew, for seconds.
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt

$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	$(INSTALL) -e .
	$(BIN)/python -m compileall -q engagement_assets
	@touch $@

$(TEST_STAMP): $(STAMP)
	$(INSTALL) -e '.[dev]'
	@touch $@

$(PRODUCTION_STAMP): $(STAMP)
	$(INSTALL) -e '.[production,s3]'
	@touch $@

# The sample data is small enough to be computed at once.
demo: export ENGAGEMENT_CHUNK_DAYS ?= 90
demo: $(STAMP)  ## Run the pipeline on the sample data and say what it found
	$(BIN)/engagement run --from $(DEMO_FROM) --to $(DEMO_TO)

# Compiled before, and what pytest rewrites is kept: else each of many processes would do it again.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(TEST_STAMP)  ## Run the tests
	$(BIN)/python -m compileall -q engagement_assets engagement_assets_tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

test-slow: export PYTHONDONTWRITEBYTECODE :=
test-slow: $(TEST_STAMP)  ## Run the tests whose smaller versions `make test` runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder -m slow

dev: $(STAMP)  ## Start the Dagster UI with a home that lasts
	$(BIN)/engagement settings > /dev/null
	$(BIN)/python -c 'from engagement_assets.operations.dagster_home import dagster_home; dagster_home()'
	$(if $(filter file,$(origin DAGSTER_HOME)),env -u DAGSTER_HOME )$(BIN)/python -W 'ignore:Function `dev_command`' -m dagster dev --workspace workspace.yaml --host 127.0.0.1

install: $(PRODUCTION_STAMP)  ## Set up .venv for a production instance (docs/production.md)
	$(BIN)/python -m compileall -q engagement_assets

production: $(PRODUCTION_STAMP)  ## Start a production instance on the PostgreSQL in DAGSTER_POSTGRES_URL
	DAGSTER_HOME='$(if $(filter file,$(origin DAGSTER_HOME)),$(CURDIR)/.dagster_production,$(DAGSTER_HOME))' docs/production/start.sh

dashboard: $(STAMP)  ## Start the dashboard on the published tables
	$(BIN)/engagement dashboard

lint: $(TEST_STAMP)  ## Check style, types, imports, dead code, and the pinned packages for known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/vulture
	$(BIN)/python -m engagement_assets_tests.audit constraints.txt

format: $(TEST_STAMP)  ## Put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(TEST_STAMP)  ## Write constraints.txt anew from what is installed
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable > constraints.txt

clean:  ## Remove tables, exports and run history; sources stay
	rm -rf data/lake data/export .dagster_home
