# Everything a developer runs. Needs Python 3.11 to 3.13 and make; the rest is installed into .venv from the lock file.

# Two more than the machine has cores, because many tests wait for processes.
TEST_WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )))
TESTS ?=
SOURCES = cli.py settings runtime logs athletics recordings flags db strava strava_simulator jobs graph web operator_commands local \
	legacy tests bench alembic
BIN = .venv/bin

# pytest keeps the tests that it rewrote between runs: that halves the time to collect them.
unexport PYTHONDONTWRITEBYTECODE

# The first Python that is new enough. PYTHON=… chooses another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

.DEFAULT_GOAL := help
.PHONY: help environment run check check-code lint words format schema schema-check schema-lint snippets docs guides first-app graphiql example example-pictures graphiql-pictures audit audit-if-answered bench \
	bench-more bench-serve scale soak real-recordings pictures lock sbom clean coverage test test-unit test-integration test-load test-migration drill test-browser \
	test-http-audit test-clients test-churn test-floods \
	test-imports test-kills test-crash-points test-operations test-quota test-fuzz test-security test-whole test-year

help: ## show this list
	@echo "pacegraph: make <target>"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r target what; do \
		printf '  %-16s  %s\n' "$$target" "$$what"; done

environment: ## install the locked packages into .venv; does nothing while they are current
	@if [ -z "$(PYTHON)" ]; then \
		echo "pacegraph needs Python 3.11 or newer, and none was found. Install it (python.org, or your system's" >&2; \
		echo "packages: python3.11 and python3.11-venv), or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(PYTHON)" -I local/environment.py

run: environment ## start PostgreSQL, Redis, a simulated Strava, workers and the API (PORT, PACEGRAPH_HOME)
	@exec $(BIN)/python -m cli run --with-parent

# tests/kinds.py decides the kind of a test. Load tests run alone, because they measure.
PYTEST = $(BIN)/python -m pytest
PARALLEL = -n $(TEST_WORKERS) --dist worksteal
APART = browser or http_audit or schema_lint or clients or first_app or churn or security or fuzz or drill or kills or crash_points or floods or imports or operations or year
ORDINARY = not ($(APART) or whole)

test: environment ## run all tests but the older service's and the slow ones below (TESTS="tests/local -k postgres", TEST_WORKERS=4)
	@exec $(PYTEST) $(PARALLEL) -m "not load and not migration and $(ORDINARY)" $(TESTS)

test-unit: environment ## run the tests that need no PostgreSQL, no Redis and no other process
	@exec $(PYTEST) $(PARALLEL) -m "unit and $(ORDINARY)" $(TESTS)

test-integration: environment ## run the tests of API, jobs and command line, with PostgreSQL, Redis and workers
	@exec $(PYTEST) $(PARALLEL) -m "integration and $(ORDINARY)" $(TESTS)

test-load: environment ## run the load tests, such as 500 requests at once on a pool of 10; prints the figures
	@exec $(PYTEST) -n 0 -s -m "load and $(ORDINARY)" $(TESTS)

test-migration: environment ## run the tests of what callers of the older service rely on
	@exec $(PYTEST) $(PARALLEL) -m "migration and $(ORDINARY)" $(TESTS)

# These measure CPU time and memory, to which coverage adds.
MEASURED = --deselect tests/graph/test_hostile_input.py::test_hostile_documents_are_judged_in_bounded_time \
	--deselect tests/graph/cost/test_introspection.py::test_a_point_is_a_bounded_part_of_the_answer \
	--deselect tests/graph/plan/test_kept_bytes.py

# All processes that the tests start are measured, those of whole servers too.
coverage: environment ## run the tests of `make test`, `make test-migration` and `make test-whole` with coverage; prints what is missed and the percentage
	@mkdir -p .coverage && $(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PARALLEL) -m "not load and not ($(APART))" $(MEASURED) $(TESTS); ended=$$?; \
		$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$ended

test-whole: environment ## run the tests that start whole servers, workers or the older service
	@exec $(PYTEST) $(PARALLEL) -m "whole and not operations" $(TESTS)

drill: environment ## rehearse docs/rollback.md: run each of its commands on a whole server while clients read
	@$(PYTEST) -n 0 -s -m drill $(TESTS) || { code=$$?; [ $$code = 5 ] && [ ! -d tests/legacy ] || exit $$code; }

test-browser: environment ## run the tests that drive a real browser; prints a table of the example app's figures (needs Chromium and Node)
	@exec $(BIN)/python -m pytest -m browser -s $(TESTS)

test-http-audit: environment ## run graphql-http's audit of GraphQL over HTTP (needs Node)
	@exec $(BIN)/python -m pytest -m http_audit $(TESTS)

test-clients: environment ## run the snippets of docs/clients with their libraries, and clients against a server in trouble (needs Node)
	@exec $(BIN)/python -m pytest -m clients -s $(TESTS)

first-app: environment ## follow docs/first-app.md word by word, from an empty folder to a page of bests; prints its time (needs Node)
	@exec $(BIN)/python -m pytest -m first_app -s $(TESTS)

test-churn: environment ## connect and disconnect 10,000 streaming clients, and check that nothing leaks
	@exec $(BIN)/python -m pytest -m churn $(TESTS)

# It measures latencies, which need a machine without other work: .ci/run leaves it out.
test-floods: environment ## let one connection or address, or Strava's webhook, flood the API, and measure what others notice
	@exec $(BIN)/python -m pytest -m floods -s $(TESTS)

test-kills: environment ## kill processes, PostgreSQL, Redis and the API at 40 moments and 20 points of jobs, and compare the rows (KILLS)
	@exec $(BIN)/python -m pytest -m kills -s $(TESTS)

test-quota: environment ## simulate Strava's quota with QUOTA_SEEDS seeds, 10,000 by default; prints what failed (QUOTA_SEEDS, QUOTA_FIRST)
	@exec $(BIN)/python -m tests.strava.shared_quota.simulation $(or $(QUOTA_FIRST),0) $(or $(QUOTA_SEEDS),10000)

# It measures CPU time, which needs a machine without other work: .ci/run leaves it out.
test-imports: environment ## import 2,000 activities from files with two workers, and kill these 10 times; prints what it costs
	@exec $(BIN)/python -m pytest -m imports -n 0 -s $(TESTS)

test-crash-points: environment ## kill a worker before and after every commit and request of each kind of sync (CRASH_EACH)
	@exec $(PYTEST) $(PARALLEL) -m crash_points $(TESTS)

# All of our tests that run through PgBouncer: -m "operations and whole".
test-operations: environment ## run the files of deploy/ in HAProxy, nginx, Caddy and Prometheus (Debian's packages)
	@exec $(BIN)/python -m pytest -m "operations and not whole" -s $(TESTS)

test-year: environment ## simulate a year of 30 athletes, with webhooks lost, repeated and late; prints its time (YEAR_DAYS, YEAR_SEED, YEAR_PROCESSES)
	@exec $(BIN)/python -m pytest -m year -n 0 -s $(TESTS)

# It measures latencies, which need a machine without other work: .ci/run leaves it out.
test-security: environment ## run honest clients beside abusive ones, and measure what they notice
	@exec $(BIN)/python -m pytest -m security -s $(TESTS)

test-fuzz: environment ## send operations, requests and Strava payloads that programs make (FUZZ_PART=20: a sample)
	@exec $(PYTEST) -n 2 --dist worksteal -m fuzz $(TESTS)

audit: environment ## look up known vulnerabilities of the installed packages; fails where no registry answers
	@$(BIN)/python -m tests.security.supply_chain

audit-if-answered: environment
	@$(BIN)/python -m tests.security.supply_chain --allow-no-answer

check-code: lint words schema-check audit-if-answered ## run the checks that are no tests: format, lint, types, words, schema, audit

check: check-code test ## run all checks of a change: those, and the tests of `make test`

lint: environment ## check format, ruff and mypy; changes nothing
	@$(BIN)/ruff format --check --quiet $(wildcard $(SOURCES)) || { echo "Not formatted: make format" >&2; exit 1; }
	@$(BIN)/ruff check $(wildcard $(SOURCES))
	@$(BIN)/mypy

words: environment ## check for plain words, lines of at most 100 columns and short commit subjects
	@$(BIN)/python -m tests.words
	@$(BIN)/python -m tests.commit_subjects

format: environment ## format the code, and fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet $(wildcard $(SOURCES))
	@$(BIN)/ruff format $(wildcard $(SOURCES))

schema: environment ## write schema.graphql from the code, and docs/schema-changes.md
	@$(BIN)/python -m cli schema --write
	@$(BIN)/python -m tests.schema_changes

schema-check: environment
	@$(BIN)/python -m cli schema --check
	@$(BIN)/python -m tests.schema_changes --check

schema-lint: environment ## check schema.graphql with graphql-eslint, and its changes with GraphQL Inspector (needs Node)
	@exec $(BIN)/python -m pytest -m schema_lint $(TESTS)

snippets: environment ## write the snippets of docs/ from the code that tests run
	@$(BIN)/python -m tests.snippets

docs: environment ## build the documentation as a site into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "build/site: serve it with $(BIN)/python -m http.server --directory build/site"

guides: environment ## write the answers in docs/guides, from a server that it starts
	@$(BIN)/python -m tests.site.guides

graphiql: ## rebuild the committed bundle of GraphiQL from its pinned npm packages (needs Node)
	@command -v npm >/dev/null || { echo "make graphiql needs Node.js with npm; running pacegraph does not" >&2; exit 1; }
	cd web/graphiql/source && npm ci && node build.mjs

example: ## rebuild the committed build of the example app from examples/web (needs Node)
	@command -v npm >/dev/null || { echo "make example needs Node.js with npm; running pacegraph does not" >&2; exit 1; }
	cd examples/web && npm ci && npm run build

PICTURES = sign-in runs-light run-light bests-light run-phone

example-pictures: environment ## take the pictures of docs/example-app.md in Chromium (needs Node)
	@folder=$$(mktemp -d) && SCREENSHOTS=$$folder $(PYTEST) -m browser tests/browser/test_app.py && mkdir -p docs/example-app && \
		for name in $(PICTURES); do cp $$folder/$$name.jpg docs/example-app/; done && rm -r $$folder

graphiql-pictures: environment ## take the pictures of docs/graphiql.md in Chromium (needs Node)
	@folder=$$(mktemp -d) && SCREENSHOTS=$$folder $(PYTEST) -m browser tests/browser/test_graphiql.py::test_graphiql && \
		mkdir -p docs/graphiql && cp $$folder/*.webp docs/graphiql/ && rm -r $$folder

bench: environment ## compare with other servers (bench/README.md; DUR, WARM, REPS, SERVERS, QUERIES, QUERY_SEED)
	@exec $(BIN)/python -m bench.compare

bench-more: environment ## measure best efforts, streams, memory, large answers, growth and start-up
	@exec $(BIN)/python -m bench.more

pictures: environment ## draw the pictures in docs/ from the code, and print how far they are apart
	@exec $(BIN)/python -m bench.stream_charts

real-recordings: environment ## read every recording below FOLDER, beside what a second parser says
	@exec $(BIN)/python -m bench.real_recordings "$(FOLDER)"

scale: environment ## measure queries and a sync with many activities beside few (SCALE="100000 10000000"; makes the rows once)
	@exec $(BIN)/python -m bench.scale $(if $(SCALE),--activities $(SCALE))

SOAK_MINUTES ?= 30

soak: environment ## run a mixed load with restarts of every process, and check that nothing grows (SOAK_MINUTES=30)
	@exec $(BIN)/python -m bench.soak --minutes $(SOAK_MINUTES)

bench-serve: environment ## serve the benchmark's rows (PORT, PACEGRAPH_HOME, CACHE, BENCH_ACTIVITIES)
	@exec $(BIN)/python -m cli bench-serve --with-parent $(if $(BENCH_ACTIVITIES),--activities $(BENCH_ACTIVITIES))

UV_COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"
UV_LOCK = $(UV_COMPILE) pyproject.toml --universal --python-version 3.11
PEERS_LOCK = $(UV_COMPILE) --python-version 3.13 bench/peers/requirements

lock: environment ## rewrite the lock files (UPGRADE=--upgrade for newer versions)
	@$(UV_LOCK) $(UPGRADE) --extra s3 --extra sentry --extra traces --output-file requirements.lock
	@$(UV_LOCK) $(UPGRADE) --extra dev --extra legacy --extra s3 --extra sentry --extra traces --output-file requirements-dev.lock
	@for name in peers go; do $(PEERS_LOCK)-$$name.in --output-file bench/peers/requirements-$$name.txt; done

sbom: environment ## list the packages of the image, with versions and hashes, in build/sbom.cdx.json (CycloneDX)
	@mkdir -p build
	@$(BIN)/python -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --output-file build/sbom.cdx.json

clean: ## remove caches and the environment; keeps the data in .local
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage pacegraph.egg-info build
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
