"""The four kinds of tests, and the one rule that says which kind a test is.

- migration: the tests of what callers of the older service rely on (folders in `_BY_PATH`);
- load: those that ask much at once (folders in `_BY_PATH`);
- integration: those that use a service (fixtures in `_SERVICES`), or start one for themselves (`_BY_PATH`);
- unit: all others. They may open no socket and start no process: one that tries fails, whatever it does with the error.

Markers say it (`pytest -m unit`); nobody sets them by hand. A file whose tests start something
without a fixture of `_SERVICES` is named in `_BY_PATH`.
"""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]

KINDS = {
    "unit": "needs no PostgreSQL, no Redis, no process; opens no socket (make test-unit)",
    "integration": "uses PostgreSQL, Redis, workers or a server (make test-integration)",
    "load": "asks much at once, of pools above all (make test-load)",
    "migration": "what callers of the older service rely on (make test-migration)",
}

_BY_PATH = {
    "tests/logs/test_error_reports.py": "integration",  # an HTTP server
    "tests/legacy/": "migration",
    "tests/db/test_migration.py": "integration",  # databases of its own
    "tests/db/test_migration_lint.py": "integration",  # runs squawk
    "tests/db/test_partitions.py": "integration",  # runs pytest
    "tests/db/test_partitions_elsewhere.py": "integration",  # three PostgreSQL servers
    "tests/load/": "load",
    "tests/churn/": "load",
    "tests/security/test_abuse.py": "load",
    "tests/security/test_floods.py": "load",
    "tests/security/test_memory_floods.py": "load",
    "tests/security/test_scans.py": "load",
    "tests/security/test_webhook_burst.py": "load",
    "tests/web/protocols/test_streams_load.py": "load",
    "tests/browser/": "integration",
    "tests/clients/": "integration",
    "tests/http_audit/": "integration",
    "tests/schema_lint/": "integration",  # runs ESLint
    "tests/faults/test_crash_points.py": "integration",  # processes that are killed
    "tests/faults/test_random_kills.py": "integration",  # services that it kills
    "tests/faults/test_run.py": "integration",  # starts a whole server
    "tests/faults/test_service_kills.py": "integration",  # services that it kills
    "tests/graph/document/test_reader_process.py": "integration",  # begins processes
    "tests/imports/": "integration",  # starts a whole server
    "tests/jobs/test_enqueue.py": "integration",  # a Redis of its own, which it ends
    "tests/local/": "integration",  # starts and ends services
    "tests/operations/": "integration",  # proxies and API processes
    "tests/operator_commands/": "integration",  # the same
    "tests/runtime/test_allocator.py": "integration",  # starts Python anew
    "tests/runtime/test_lean_imports.py": "integration",  # starts Python anew
    "tests/runtime/test_parent_death.py": "integration",  # forks
    "tests/runtime/test_redis_clients.py": "integration",  # one test's Redis never answers
    "tests/runtime/test_small_objects.py": "integration",  # starts Python anew
    "tests/security/test_supply_chain.py": "integration",  # runs pip-audit
    "tests/site/test_guides.py": "integration",  # starts a whole server
    "tests/strava/test_bounded_connections.py": "integration",  # proxies and hosts that misbehave
    "tests/strava/test_bounded_exchange.py": "integration",  # servers that misbehave
    "tests/strava/test_client.py": "integration",  # these ask the simulated Strava over HTTP
    "tests/strava/test_conformance.py": "integration",
    "tests/strava_simulator/test_simulator.py": "integration",
    "tests/strava_simulator/test_webhooks.py": "integration",
    "tests/web/test_postgres_failover.py": "integration",  # two PostgreSQL servers
    "tests/web/test_redis_cluster.py": "integration",  # six servers
    "tests/web/test_redis_failover.py": "integration",  # Sentinels, six servers
    "tests/test_deploy.py": "integration",  # one runs cyclonedx_py
    "tests/test_kinds.py": "integration",  # these start Python anew
    "tests/test_settings.py": "integration",
    # a Redis that is away, or hangs
    "tests/web/documents/test_persisted_documents.py": "integration",
    "tests/web/http/test_bounded_requests.py": "integration",  # a server of its own
    "tests/web/http/test_paced_protocol.py": "integration",
    "tests/web/http/test_closing_listener.py": "integration",
}
_SERVICES = {"services_home", "postgres_url", "redis_server_url", "redis"}
"""Fixtures, most of which others are made from, that start PostgreSQL or Redis."""

_OUTSIDE = {
    "socket.connect",
    "socket.bind",
    "psycopg.connect",
    "subprocess.Popen",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
}
"""Events of Python's auditing, and one of ours, that a unit test must not cause."""

_tried: list[str] | None = None
"""What the unit test under way tried; None while there is none."""

_others: frozenset[int | None] = frozenset()
"""Idents of the threads that ran before the unit test under way: servers of longer-lived fixtures."""


class ReachedOut(Exception):
    """A unit test opened a socket or started a process."""

    def __init__(self, event: str) -> None:
        super().__init__(
            f"{event}: a unit test opens no socket and starts no process. Take the service from a fixture of "
            "tests/conftest.py, or name the test's file in tests/kinds.py."
        )


def kind_of(path: str, fixtures: set[str]) -> str:
    """Tell a test's kind by its file, relative to the checkout, and the names of all fixtures that
    it uses.
    """
    for prefix, kind in _BY_PATH.items():
        if path.startswith(prefix):
            return kind
    return "integration" if fixtures & _SERVICES else "unit"


def pytest_configure(config: pytest.Config) -> None:
    for kind, what in KINDS.items():
        config.addinivalue_line("markers", f"{kind}: {what}; tests/kinds.py says which tests are")


OF_ALL_TESTS = pytest.StashKey[dict[str, list[str]]]()
"""The kinds of every test of the checkout by its id, where a run collects them all."""


@pytest.hookimpl(tryfirst=True)  # before markers select
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    by_hand = [(item.nodeid, kind) for item in items for kind in _kinds(item)]
    if by_hand:
        what = ", ".join(f"{test} is marked {kind}" for test, kind in by_hand)
        raise pytest.UsageError(f"{what} by hand: tests/kinds.py says what it is")
    for item in items:
        path = (
            item.path.relative_to(ROOT).as_posix()
            if item.path.is_relative_to(ROOT)
            else item.path.name
        )
        item.add_marker(kind_of(path, set(getattr(item, "fixturenames", ()))))
    if _collects_all(config):
        config.stash[OF_ALL_TESTS] = {item.nodeid: _kinds(item) for item in items}


def _kinds(item: pytest.Item) -> list[str]:
    return [mark.name for mark in item.iter_markers() if mark.name in KINDS]


def _collects_all(config: pytest.Config) -> bool:
    """Whether a run was given no part of the tests; what `-m` and `-k` choose is collected first."""
    in_part = ("lf", "ignore", "ignore_glob")
    given = {(config.invocation_params.dir / path).resolve() for path in config.args}
    return given == {ROOT / "tests"} and not any(config.getoption(each, None) for each in in_part)


def pytest_report_collectionfinish(items: list[pytest.Item]) -> str:
    counted = Counter(
        mark.name for item in items for mark in item.iter_markers() if mark.name in KINDS
    )
    return "tests by kind: " + ", ".join(f"{counted[kind]} {kind}" for kind in KINDS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _Watch(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _Watch(item):
        return (yield)


class _Watch:
    """Watches a unit test, whose setup and call fail if it reaches out; the end of other tests'
    fixtures is not its, nor what threads do that ran before.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._is_unit = item.get_closest_marker("unit") is not None

    def __enter__(self) -> None:
        global _others, _tried  # noqa: PLW0603 - audit hooks are the interpreter's
        running = {each.ident for each in threading.enumerate()}
        _others = frozenset(running - {threading.get_ident()})
        _tried = [] if self._is_unit else None

    def __exit__(self, *_: object) -> None:
        global _tried
        tried, _tried = _tried, None
        if tried:
            raise ReachedOut(tried[0])


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if _tried is not None and event in _OUTSIDE and threading.get_ident() not in _others:
        _tried.append(event)
        raise ReachedOut(event)


def _audited(connect):
    """Let libpq, which is not Python, tell when it connects."""

    def connecting(*arguments, **values):
        sys.audit("psycopg.connect")
        return connect(*arguments, **values)

    return connecting


sys.addaudithook(_refuse)
psycopg.connect = _audited(psycopg.connect)
