# Everything a developer runs. Needs Python 3.11 to 3.13 and make; the rest is installed into .venv from the lock file.

TEST_WORKERS ?= 2
TESTS ?=
SOURCES = settings.py cli.py logs athletics flags db strava jobs graph web local legacy tests bench alembic
BIN = .venv/bin

# The first Python that is new enough. PYTHON=… chooses another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

.DEFAULT_GOAL := help
.PHONY: help environment run check lint format schema schema-check graphiql audit bench bench-more bench-serve lock clean \
	test test-unit test-integration test-load test-migration drill test-browser test-http-audit test-churn test-security

help: ## this list
	@echo "pacegraph: make <target>"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r target what; do \
		printf '  %-16s  %s\n' "$$target" "$$what"; done

environment: ## .venv with the locked packages; done once, again when the lock file changes
	@if [ -z "$(PYTHON)" ]; then \
		echo "pacegraph needs Python 3.11 or newer, and none was found. Install it (python.org, or your system's" >&2; \
		echo "packages: python3.11 and python3.11-venv), or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(PYTHON)" -I local/environment.py

run: environment ## everything: PostgreSQL, Redis, simulated Strava, workers, API with GraphiQL (PORT, PACEGRAPH_HOME)
	@exec $(BIN)/python -m cli run --with-parent

# Which tests are of a kind, tests/kinds.py says. Those of load have the machine for themselves.
PYTEST = $(BIN)/python -m pytest
PARALLEL = -n $(TEST_WORKERS) --dist worksteal
ORDINARY = not (browser or http_audit or churn or security or drill)

test: environment ## all tests but the slow proofs below (TESTS="tests/local -k postgres" for some, TEST_WORKERS=4)
	@exec $(PYTEST) $(PARALLEL) -m "not load and $(ORDINARY)" $(TESTS)

test-unit: environment ## those that need neither PostgreSQL nor Redis nor another process
	@exec $(PYTEST) $(PARALLEL) -m "unit and $(ORDINARY)" $(TESTS)

test-integration: environment ## those of the API, the jobs and the command line, on PostgreSQL, Redis and workers
	@exec $(PYTEST) $(PARALLEL) -m "integration and $(ORDINARY)" $(TESTS)

test-load: environment ## 500 requests at once on a pool of 10, and what else is asked much at once; prints what it saw
	@exec $(PYTEST) -n 0 -s -m "load and $(ORDINARY)" $(TESTS)

test-migration: environment ## what callers of the older service rely on; the database's steps up and down
	@exec $(PYTEST) $(PARALLEL) -m "migration and $(ORDINARY)" $(TESTS)

drill: environment ## rehearses going back: each command of docs/rollback.md, on a whole server that is read from meanwhile
	@$(PYTEST) -n 0 -s -m drill $(TESTS) || { code=$$?; [ $$code = 5 ] && [ ! -d tests/legacy ] || exit $$code; }

test-browser: environment ## the tests that drive a real browser
	@exec $(BIN)/python -m pytest -m browser $(TESTS)

test-http-audit: environment ## the audit of GraphQL over HTTP that graphql-http brings (needs Node)
	@exec $(BIN)/python -m pytest -m http_audit $(TESTS)

test-churn: environment ## ten thousand clients of streams come and go, and nothing may be left of them
	@exec $(BIN)/python -m pytest -m churn $(TESTS)

test-security: environment ## slow proofs: operations made by schemathesis, honest clients beside abusive ones
	@exec $(BIN)/python -m pytest -m security -s $(TESTS)

audit: environment ## known vulnerabilities of what is installed, where the registries tell; pinned hashes everywhere
	@$(BIN)/python -m tests.security.supply_chain

check: lint schema-check audit test ## everything CI checks: format, lint, types, architecture, schema, tests

lint: environment ## format, ruff and mypy, changing nothing
	@$(BIN)/ruff format --check --quiet $(wildcard $(SOURCES)) || { echo "Not formatted: make format" >&2; exit 1; }
	@$(BIN)/ruff check $(wildcard $(SOURCES))
	@$(BIN)/mypy

format: environment ## formats the code and repairs what ruff can
	@$(BIN)/ruff check --fix-only --quiet $(wildcard $(SOURCES))
	@$(BIN)/ruff format $(wildcard $(SOURCES))

schema: environment ## writes schema.graphql from the code
	@$(BIN)/python -m cli schema --write

schema-check: environment
	@$(BIN)/python -m cli schema --check

graphiql: ## bundles GraphiQL anew from its pinned npm packages (needs Node; the bundle is committed)
	@command -v npm >/dev/null || { echo "make graphiql needs Node.js with npm; running pacegraph does not" >&2; exit 1; }
	cd web/graphiql/source && npm ci && node build.mjs

bench: environment ## the comparison with other servers (bench/README.md; DUR, WARM, REPS, SERVERS, QUERIES)
	@exec $(BIN)/python -m bench.compare

bench-more: environment ## further measures: best efforts, memory, large answers, growth, start-up
	@exec $(BIN)/python -m bench.more

bench-serve: environment ## serves the benchmark's rows (PORT, PACEGRAPH_HOME, CACHE, BENCH_ACTIVITIES)
	@exec $(BIN)/python -m cli bench-serve --with-parent $(if $(BENCH_ACTIVITIES),--activities $(BENCH_ACTIVITIES))

UV_LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: environment ## writes the lock files anew (UPGRADE=--upgrade for newer versions)
	@$(UV_LOCK) $(UPGRADE) --output-file requirements.lock
	@$(UV_LOCK) $(UPGRADE) --extra dev --output-file requirements-dev.lock

clean: ## removes caches and the environment; the data in .local stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis pacegraph.egg-info build
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
