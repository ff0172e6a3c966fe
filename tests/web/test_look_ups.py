"""One address that only looks things up leaves connections of the pool to others."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import psycopg
import pytest

from tests.patience import PATIENCE_S

OTHER = "127.0.0.2"
MANY = 20


def file(number: int, *, token: str = "") -> tuple[str, dict[str, str]]:
    return f"/exports/unknown-{number}", {}


def caller(number: int, *, token: str = "") -> tuple[str, dict[str, str]]:
    authorization = token or f"pace_{number}"
    query = "{ viewer { athlete { displayName } } }"
    return f"/graphql?query={query}", {"authorization": f"Bearer {authorization}"}


@pytest.mark.parametrize(
    ("table", "hangs", "works", "status"),
    [("exports", file, caller, 200), ("api_tokens", caller, file, 404)],
)
def test_others_find_a_connection(
    serving, person, settings, table: str, hangs: Callable, works: Callable, status: int
):
    address = serving(database_pool_size=4, database_max_overflow=0)

    def get(asked: tuple[str, dict[str, str]], local: str | None) -> int:
        transport = httpx.HTTPTransport(local_address=local)
        with httpx.Client(transport=transport, timeout=PATIENCE_S) as client:
            return client.get(f"http://{address}{asked[0]}", headers=asked[1]).status_code

    assert get(works(0, token=person.token), None) == status
    with (
        ThreadPoolExecutor(MANY) as threads,
        psycopg.connect(settings.database_url.get_secret_value()) as locking,
    ):
        locking.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        hanging = [threads.submit(get, hangs(number), OTHER) for number in range(MANY)]
        time.sleep(1)
        began = time.monotonic()
        assert get(works(1, token=person.token), None) == status
        assert time.monotonic() - began < settings.database_pool_timeout_s
        assert not wait(hanging, timeout=0).done
    assert {each.result() for each in hanging} <= {401, 404, 503}
