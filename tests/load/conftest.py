"""An API process with a small pool over a real PostgreSQL, whose connections are watched from
outside.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection

from settings import Settings
from tests.load.requests import Makes
from tests.security.runners import Runner, create_runners
from tests.web.api_process import ApiProcess, api_process

POOL_SIZE, OVERFLOW, POOL_TIMEOUT_S = 10, 5, 5.0
POOL = {
    "database_pool_size": POOL_SIZE,
    "database_max_overflow": OVERFLOW,
    "database_pool_timeout_s": POOL_TIMEOUT_S,
    "cache": "off",  # else hardly anything would come as far as the database
    "feedback_per_caller": 10_000,  # one account sends more of it at once than in a day
}


@pytest.fixture
def runners(db: Connection) -> list[Runner]:
    """Fifty of two hundred athletes, with thirty activities each, are signed in."""
    return create_runners(db, athletes=200, activities=30, with_account=50)


@pytest.fixture
def serving(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., ApiProcess]]:
    """Serves the API from a process of its own, with a pool of ten, five beyond, and changed
    settings.
    """
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(
            api_process(settings, tmp_path, **{**POOL, **changes})
        )


@pytest.fixture
def crowd(runners: list[Runner]) -> Callable[..., list[bytes]]:
    """Makes requests of the runners, in turns: `crowd(500, by_plan)`; with `accounts=1` all are of
    one of them.
    """

    def make(number: int, *makes: Makes, accounts: int = len(runners)) -> list[bytes]:
        return [makes[n % len(makes)](runners[n % accounts], n) for n in range(number)]

    return make
