"""What fails inside: a code and the request's id for the caller, the traceback for the log, once."""

import logging

import pytest
from pydantic import SecretStr

from db.session import AsyncDatabase
from tests import factories as make
from tests.error_links import unlinked
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

QUERY = "{ athletes { nodes { id activities { nodes { id } } } } }"
INTERNALS = ("SELECT", "Traceback", "asyncpg", "sqlalchemy", "activities_gone", "/work", ".py")


async def broken(api, token, **headers):
    headers["authorization"] = f"Bearer {token}"
    response = await api.http.post("/graphql", json={"query": QUERY}, headers=headers)
    assert not [word for word in INTERNALS if word in response.text]
    [error] = response.json()["errors"]
    return response, error["extensions"]


async def test_an_unexpected_error_is_masked_and_logged_once(api, db, caplog):
    person = make.create_person(db)
    db.exec_driver_sql("ALTER TABLE activities RENAME TO activities_gone")
    response, extensions = await broken(api, person.token, **{"x-request-id": "request-4711"})
    assert unlinked(extensions) == {
        "code": "INTERNAL",
        "requestId": "request-4711",
        "coordinate": "Athlete.activities",
    }
    assert response.status_code == 200
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info
    assert "activities" in str(record.exc_info[1])


async def test_a_statement_that_runs_too_long_is_a_timeout(settings, db):
    person = make.create_person(db)
    impatient = settings.model_copy(update={"database_statement_timeout_ms": 300})
    async with serve(impatient) as api:
        await api.ask("{ __typename }", person.token)
        with db.engine.connect().execution_options(isolation_level="READ COMMITTED") as other:
            other.exec_driver_sql("LOCK TABLE activities")
            _, extensions = await broken(api, person.token)
            other.rollback()
        assert extensions["code"] == "TIMEOUT"
        assert "athletes" in await api.ask(QUERY, person.token)


@pytest.mark.parametrize("planned_execution", ["on", "off"])
async def test_a_pool_without_a_free_connection_is_busy_at_no_cost(settings, db, planned_execution):
    person = make.create_person(db)
    small = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 0.8}
    small |= {
        "planned_execution": planned_execution,
        "cost_bucket_user": 10_000,
        "cost_refill_user_per_s": 1e-6,
    }
    async with serve(settings.model_copy(update=small)) as api:
        for query in (QUERY, "{ rateLimit { remaining } }"):  # their reading costs, the first time
            before = await api.answer(query, person.token)
        database: AsyncDatabase = api.app.state.services.database
        async with database.read():
            response = await api.post(QUERY, person.token)
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert response.json()["errors"][0]["extensions"]["code"] == "DATABASE_BUSY"
            unknown = make.create_token(db, person.account_id)  # nobody knows yet whose it is
            response = await api.post(QUERY, unknown)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert response.json()["errors"][0]["extensions"]["code"] == "DATABASE_BUSY"
        after = await api.answer("{ rateLimit { remaining } }", person.token)
        assert (
            after["data"]["rateLimit"]["remaining"] == before["data"]["rateLimit"]["remaining"] - 1
        )
        assert "athletes" in await api.ask(QUERY, person.token)


async def test_a_database_that_is_gone_is_unavailable(settings, db, caplog):
    gone = settings.database_url.get_secret_value().replace("/test_", "/gone_")
    async with serve(settings.model_copy(update={"database_url": SecretStr(gone)})) as api:
        response = await api.post(QUERY, "pace_token")
        assert response.status_code == 503
        assert response.json()["errors"][0]["extensions"]["code"] == "DATABASE_UNAVAILABLE"
        response = await api.post(QUERY)
        assert response.json()["errors"][0]["extensions"]["code"] == "DATABASE_UNAVAILABLE"
        assert not [word for word in INTERNALS if word in response.text]


async def test_a_connection_that_is_cut_is_replaced(api, db):
    person = make.create_person(db)
    await api.ask(QUERY, person.token)
    db.exec_driver_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'pacegraph-api' AND datname = current_database()"
    )
    assert "athletes" in await api.ask(QUERY, person.token)


async def test_an_error_of_the_caller_is_not_logged_as_ours(api, caplog):
    await api.error('{ node(id: "x") { id } }')
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
