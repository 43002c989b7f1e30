# Run `make` to see what there is to run.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
UV := .venv-tools/bin/uv
# Trust the machine's own certificates, as pip and git do.
export UV_SYSTEM_CERTS := 1
AIRFLOW := .venv/.ready
GLUE := .venv-glue/.ready

# What `make demo` may be given: make demo ROWS=200000 DATE=2026-11-20 ACTIVITY=own.parquet RATE=500 FAULTS=503-few
ROWS ?=
DATE ?=
ACTIVITY ?=
RATE ?=
FAULTS ?=
# What `make faults` may be given: make faults ONLY="503-half kill-worker" LANES=1
ONLY ?=
LANES ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(AIRFLOW) $(GLUE) ## Install both environments: .venv (Airflow) and .venv-glue (Spark)

$(UV):
	@echo "==> Installing uv"
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/pip install --quiet --disable-pip-version-check -r requirements/tools.txt

.venv/.ready: requirements/airflow.txt | $(UV)
	@echo "==> Installing the Airflow environment into .venv"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --require-hashes --python .venv/bin/python $<
	@touch $@

.venv-glue/.ready: requirements/glue.txt | $(UV)
	@echo "==> Installing the Glue environment into .venv-glue"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-glue
	@$(UV) pip sync --quiet --require-hashes --python .venv-glue/bin/python $<
	@touch $@

.PHONY: demo
demo: setup ## Run one day end to end (ROWS=, DATE=, ACTIVITY=, RATE=, FAULTS=)
	@.venv/bin/python -m local.demo $(if $(ROWS),--rows $(ROWS)) $(if $(DATE),--date $(DATE)) \
		$(if $(ACTIVITY),--activity $(ACTIVITY)) $(if $(RATE),--rate $(RATE)) $(if $(FAULTS),--faults $(FAULTS))

.PHONY: faults
faults: setup ## Run the fault matrix and write docs/fault-matrix.md (ONLY="NAME ...", LANES=)
	@.venv/bin/python -m local.faults $(if $(ONLY),--only $(ONLY)) $(if $(LANES),--lanes $(LANES))

.PHONY: test
test: setup ## Run every test that needs no Docker, the end-to-end run included
	@bash tests/run

.PHONY: up
up: ## Start Airflow as on MWAA beside the stand-ins, in Docker, and print where it is
	@$(PYTHON) -m local.compose up

.PHONY: down
down: ## Remove what `make up` started, volumes included
	@$(PYTHON) -m local.compose down

.PHONY: test-compose
test-compose: setup ## Run the tests that need Docker, on a stack of their own
	@.venv/bin/python -m pytest tests/compose/live -p no:randomly -p no:cacheprovider -v -s

.PHONY: bench
bench: setup ## Measure the push beside bare aiohttp and wrk, and write docs/performance.md (some minutes)
	@.venv/bin/python -m benchmarks.push

.PHONY: lint
lint: setup ## Check style, format, types and templates
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy dags plugins local tests --exclude '^tests/(glue_jobs|support)/'
	@.venv-glue/bin/mypy glue_jobs benchmarks tests/glue_jobs tests/support
	@.venv/bin/cfn-lint infra/*.yaml

.PHONY: format
format: setup ## Rewrite files in the project's style
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

.PHONY: lock
lock: $(UV) ## Resolve requirements/*.in again, within the platforms' own versions
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		-c plugins/constraints.txt requirements/airflow.in -o requirements/airflow.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		-c requirements/glue-constraints.txt requirements/glue.in -o requirements/glue.txt

.PHONY: clean
clean: ## Remove environments, caches and local state
	rm -rf .venv .venv-glue .venv-tools .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
