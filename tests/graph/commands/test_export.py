"""Exports are jobs, one at a time for each athlete, whose archive only the athlete is told of."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from jobs.enqueue import queued_ids
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

EXPORT = """mutation($input: ExportAthleteInput!) { exportAthlete(input: $input) {
    job { id kind status export { url } } alreadyRunning userErrors { field code message retryAt } } }"""
RETRY = """mutation($input: RetryJobInput!) { retryJob(input: $input) {
    job { id } userErrors { field code message retryAt } } }"""
SHOWN = "query($id: ID!) { job(id: $id) { export { url sizeBytes readyAt expiresAt } } }"


@pytest.fixture
def person(db) -> make.Person:
    return make.create_person(db)


async def export(api, token, athlete, **given) -> dict:
    return (await api.ask(EXPORT, token, input={"athleteId": athlete, **given}))["exportAthlete"]


async def test_an_export_is_a_job_that_is_queued_once(api, person, db, redis_url):
    first = await export(api, person.token, person.id)
    assert first["userErrors"] == []
    job = first["job"]
    assert (job["kind"], job["status"], job["export"]) == ("EXPORT", "QUEUED", None)
    assert first["alreadyRunning"] is False
    again = await export(api, person.token, person.id)
    assert (again["job"], again["alreadyRunning"]) == (job, True)
    with Redis.from_url(redis_url) as redis:
        assert len(queued_ids(redis)) == 1


async def test_a_key_gives_the_same_job_also_once_it_ended(api, person, db):
    first = await export(api, person.token, person.id, idempotencyKey="k")
    db.exec_driver_sql("UPDATE jobs SET status = 'CANCELLED', finished_at = now()")
    again = await export(api, person.token, person.id, idempotencyKey="k")
    assert (again["job"]["id"], again["job"]["status"]) == (first["job"]["id"], "CANCELLED")
    assert (await export(api, person.token, person.id))["job"]["id"] != first["job"]["id"]
    other = make.create_person(db)
    [error] = (await export(api, person.token, other.id, idempotencyKey="k"))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "athleteId"], "NOT_FOUND")


async def test_only_the_athlete_and_admins_may(api, person, db):
    reader = make.create_person(db, scopes=("read",))
    other, admin = make.create_person(db), make.create_admin(db)
    for token, athlete, code in (
        (None, person.id, "UNAUTHENTICATED"),
        (reader.token, reader.id, "FORBIDDEN"),
        (other.token, person.id, "NOT_FOUND"),
    ):
        answer = await export(api, token, athlete)
        assert (answer["job"], [each["code"] for each in answer["userErrors"]]) == (None, [code])
    assert (await export(api, admin.token, person.id))["userErrors"] == []


async def test_an_athletes_archives_of_a_day_are_bounded_also_by_retries(settings, db):
    changed = settings.model_copy(update={"exports_per_day": 3})
    person, other = make.create_person(db), make.create_person(db)
    end = "UPDATE jobs SET status = 'CANCELLED', finished_at = now()"
    async with serve(changed) as api:
        first = await export(api, person.token, person.id)
        assert (await export(api, person.token, person.id))["alreadyRunning"] is True
        db.exec_driver_sql(end)
        retried = await api.ask(RETRY, person.token, input={"id": first["job"]["id"]})
        assert retried["retryJob"]["userErrors"] == []
        db.exec_driver_sql(end)
        assert (await export(api, person.token, person.id))["job"] is not None
        db.exec_driver_sql(end)
        refused = await export(api, person.token, person.id)
        again = (await api.ask(RETRY, person.token, input={"id": first["job"]["id"]}))["retryJob"]
        for answer, field in ((refused, "athleteId"), (again, "id")):
            [error] = answer["userErrors"]
            assert (answer["job"], error["field"]) == (None, ["input", field])
            assert error["code"] == "RATE_LIMITED"
            assert "EXPORTS_PER_DAY" in error["message"]
            wait = datetime.fromisoformat(error["retryAt"]) - datetime.now(UTC)
            assert timedelta(hours=7) < wait <= timedelta(hours=8)  # a third of a day
        active = "SELECT count(*) FROM jobs WHERE status = 'QUEUED'"
        assert db.exec_driver_sql(active).scalar_one() == 0
        assert (await export(api, other.token, other.id))["userErrors"] == []


async def test_an_archive_is_shown_until_it_expires(api, person, db):
    job = make.create_job(db, person.athlete_id, kind="EXPORT")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    make.create_export(db, job, person.athlete_id, size_bytes=2**35, expires_at=until)
    from graph.global_id import encode_id

    job_id = encode_id("Job", job)
    assert (await api.ask(SHOWN, person.token, id=job_id))["job"]["export"] == {
        "url": f"http://pacegraph.test/exports/token-{job}",
        "sizeBytes": 2**35,
        "readyAt": make.NOON.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expiresAt": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (await api.ask(SHOWN, make.create_person(db).token, id=job_id))["job"] is None
    db.exec_driver_sql("UPDATE exports SET expires_at = now() - interval '1 s'")
    assert (await api.ask(SHOWN, person.token, id=job_id))["job"]["export"] is None
    db.exec_driver_sql("UPDATE exports SET expires_at = NULL, ready_at = NULL")
    assert (await api.ask(SHOWN, person.token, id=job_id))["job"]["export"] is None
