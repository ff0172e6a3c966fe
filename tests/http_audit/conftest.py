"""The audit runs with `make test-http-audit` only: it needs Node."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "http_audit: runs graphql-http's audit, in Node (make test-http-audit)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.markexpr:
        return
    audits = [item for item in items if item.get_closest_marker("http_audit")]
    if audits:
        config.hook.pytest_deselected(items=audits)
        items[:] = [item for item in items if not item.get_closest_marker("http_audit")]
