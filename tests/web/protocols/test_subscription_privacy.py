"""Who may watch whose jobs, and for how long."""

import asyncio

import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed

from graph.global_id import encode_id
from jobs.enqueue import publish
from tests import factories as make
from tests.web.subscriber import ATHLETE_JOBS, JOB, web_socket

pytestmark = pytest.mark.anyio

ABSENT = 10**9


@pytest.fixture
def owner(db):
    return make.create_person(db, shares=True, shares_age_grades=True)


@pytest.fixture
def job(db, owner):
    return make.create_job(db, owner.athlete_id, status="RUNNING", version=1)


@pytest.fixture
def change(db, redis_url, owner, job):
    def apply():
        query = f"UPDATE jobs SET version = version + 1 WHERE id = {job} RETURNING version"
        with Redis.from_url(redis_url) as redis:
            publish(redis, job, owner.athlete_id, db.exec_driver_sql(query).scalar_one())

    return apply


async def first_answer(address, token, query, global_id):
    """The data of the first event, or the error."""
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(**({"Authorization": f"Bearer {token}"} if token else {}))
        await socket.subscribe(query, id=global_id)
        payload = (await socket.receive())["payload"]
    if isinstance(payload, list):
        return payload[0]["extensions"]["code"], payload[0]["message"]
    return payload["data"]


async def test_shared_or_not_jobs_are_the_athletes_own(serving, db, owner, job):
    address = serving(sharing="on")
    tokens = {
        "stranger": make.create_person(db).token,
        "admin without the scope": make.create_person(db, is_admin=True).token,
        "admin scope, no admin": make.create_person(db, scopes=("admin", "read", "sync")).token,
        "signed out": None,
    }
    for who, token in tokens.items():
        for query, type_name, number in (
            (JOB, "Job", job),
            (ATHLETE_JOBS, "Athlete", owner.athlete_id),
        ):
            answer = await first_answer(address, token, query, encode_id(type_name, number))
            assert answer[0] in {"NOT_FOUND", "UNAUTHENTICATED"}, (who, answer)
            assert answer == await first_answer(
                address, token, query, encode_id(type_name, ABSENT)
            ), who


@pytest.mark.parametrize("who", ["owner", "admin"])
async def test_the_athlete_and_admins_watch(serving, db, owner, job, change, who):
    token = owner.token if who == "owner" else make.create_admin(db).token
    address = serving(sharing="on")
    assert (await first_answer(address, token, JOB, encode_id("Job", job)))["jobUpdated"][
        "version"
    ] == 1
    waiting = asyncio.create_task(first_answer(address, token, ATHLETE_JOBS, owner.id))
    while not waiting.done():
        await asyncio.sleep(0.1)
        change()
    assert (await waiting)["athleteJobs"]["id"] == encode_id("Job", job)


LOSSES = {
    "revoked": ("owner", "UPDATE api_tokens SET revoked_at = now()"),
    "expired": ("owner", "UPDATE api_tokens SET expires_at = now()"),
    "administrator no more": ("admin", "UPDATE accounts SET is_admin = false"),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("query", [JOB, ATHLETE_JOBS], ids=["jobUpdated", "athleteJobs"])
async def test_who_may_no_longer_see_gets_no_more(serving, db, owner, job, query, loss):
    who, statement = LOSSES[loss]
    token = owner.token if who == "owner" else make.create_admin(db).token
    async with asyncio.timeout(20), web_socket(serving()) as socket:
        await socket.begin(Authorization=f"Bearer {token}")
        await socket.subscribe(query, id=encode_id("Job", job) if query is JOB else owner.id)
        await socket.next()  # the job under way
        db.exec_driver_sql(statement)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.connection.recv()  # nothing has changed meanwhile: the end comes by itself
        assert closed.value.rcvd.code == 4403


async def test_a_job_that_is_erased_with_its_athlete_ends_the_watch(
    address, db, redis_url, owner, job
):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {make.create_admin(db).token}")
        await socket.subscribe(JOB, id=encode_id("Job", job))
        await socket.next()
        db.exec_driver_sql("DELETE FROM jobs")
        with Redis.from_url(redis_url) as redis:
            publish(redis, job, owner.athlete_id, 2)
        assert await socket.error_code() == "NOT_FOUND"
