"""The long test of streams runs with `make test-churn` only: it takes a minute or two."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "churn: ten thousand clients come and go (make test-churn)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("churn")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("churn")]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
