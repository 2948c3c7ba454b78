# Everything happens in .venv, which is made on first use and refreshed when pyproject.toml or constraints.txt change.
# PYTHON=python3.12 make test   picks an interpreter (3.10 or later).

BIN := .venv/bin
SETUP = @$(or $(PYTHON),python3) .ci/environment.py $(if $(PYTHON),--this-python)
PYTEST = $(BIN)/python -m $(if $(COVERAGE),coverage run -m )pytest

.PHONY: help demo test test-slow test-all test-kibana docs dashboards lint clean
.NOTPARALLEL:

help: ## Say what can be made (this list)
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "make %-10s %s\n", $$1, $$2 }'

demo: ## Run a small shop, send it traffic, and show one trace; more with ARGS="--serve"
	$(SETUP) run
	$(BIN)/tracelog demo $(ARGS)

test: ## Run the tests, with a real Elasticsearch where Java and Maven are there (under 10 minutes)
	$(SETUP) test
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: ## Run the long fault tests alone
	$(SETUP) test
	$(PYTEST) -m slow $(ARGS)

test-all: test test-slow ## Run all tests

test-kibana: ## Look at the dashboards in a real Kibana, see kibana/README.md
	$(SETUP) test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group browser
	$(PYTEST) tests/kibana $(ARGS)

docs: ## Build the documentation into build/docs, without network
	$(SETUP) test
	$(BIN)/python -m sphinx -q -b html -n -W --keep-going -d build/doctrees docs build/docs

dashboards: ## Build kibana/tracelog.ndjson from its sources
	$(SETUP) run
	$(BIN)/python -m kibana

lint: ## Check style, types and the layering of the modules
	$(SETUP) lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo

clean: ## Remove .venv and what tools left behind
	rm -rf .venv .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find tracelog tests benchmarks kibana docker .ci -name __pycache__ -type d -prune -exec rm -rf {} +
