"""Uploads are staged within bounds, and imported once they are whole."""

import re

import pytest
from redis import Redis

from graph.global_id import encode_id
from jobs.enqueue import queued_ids
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

STAGE = """mutation($input: StageUploadsInput!) { stageUploads(input: $input) {
    uploads { id url name sizeBytes expiresAt } userErrors { field code message } } }"""
IMPORT = """mutation($input: ImportActivitiesInput!) { importActivities(input: $input) {
    job { id kind status } userErrors { field code message } } }"""
REPORT = """query($id: ID!, $outcomes: [ImportOutcome!], $after: String) { job(id: $id) {
    importReport(first: 2, after: $after, outcomes: $outcomes) { totalCount
        nodes { path outcome message activity { id } } pageInfo { hasNextPage endCursor } } } }"""


@pytest.fixture
def person(db) -> make.Person:
    return make.create_person(db)


async def stage(api, person, *files, **given) -> dict:
    named = [{"name": name, "sizeBytes": size} for name, size in files]
    asked = {"athleteId": person.id, "files": named, **given}
    return (await api.ask(STAGE, person.token, input=asked))["stageUploads"]


async def import_(api, person, *ids: str, **given) -> dict:
    asked = {"athleteId": person.id, "uploadIds": list(ids), **given}
    return (await api.ask(IMPORT, person.token, input=asked))["importActivities"]


def upload(db, person, **columns) -> str:
    return encode_id("Upload", make.create_upload(db, person.athlete_id, **columns))


async def test_each_file_gets_an_address_in_order(api, person):
    answer = await stage(api, person, ("b.zip", 20 * 2**30 - 7), ("C:\\runs\\a.fit", 7))
    first, second = answer["uploads"]
    assert (first["name"], first["sizeBytes"]) == ("b.zip", 20 * 2**30 - 7)
    assert (second["name"], second["sizeBytes"]) == ("a.fit", 7)
    assert first["url"].startswith("http://pacegraph.test/uploads/")
    assert first["url"] != second["url"]


@pytest.mark.parametrize(
    ("files", "field", "says"),
    [
        ([], "input.files", "1"),
        ([("a.fit", 1)] * 101, "input.files", "100"),
        ([("a.fit", 0)], "input.files[0].sizeBytes", "1"),
        ([("a.fit", 1), ("a.fit", 20 * 2**30 + 1)], "input.files[1].sizeBytes", "21474836480"),
        ([("a.fit", 1.5)], "input.files[0].sizeBytes", "whole number"),
        ([(" ", 1)], "input.files[0].name", "1"),
        ([("a" * 501, 1)], "input.files[0].name", "500"),
        ([("..", 1)], "input.files[0].name", "no name"),
        ([("a.zip", 20 * 2**30), ("b.zip", 1)], "input.files", "20 GB together"),
    ],
)
async def test_what_cannot_be_staged_is_refused(api, person, db, files, field, says):
    answer = await stage(api, person, *files)
    [error] = answer["userErrors"]
    assert (answer["uploads"], error["field"]) == ([], re.findall(r"[^.\[\]]+", field))
    assert says in error["message"]
    assert db.exec_driver_sql("SELECT count(*) FROM uploads").scalar_one() == 0


async def test_a_key_stages_files_once(api, person, db):
    files = ("a.fit", 7), ("b.fit", 7)
    first = await stage(api, person, *files, idempotencyKey="k")
    await stage(api, person, ("c.fit", 7))
    assert await stage(api, person, *files, idempotencyKey="k") == first
    assert len(first["uploads"]) == len(files)
    assert db.exec_driver_sql("SELECT count(*) FROM uploads").scalar_one() == len(files) + 1

    [other] = (await stage(api, person, ("a.fit", 7), idempotencyKey="k"))["userErrors"]
    assert (other["field"], other["code"]) == (["input", "idempotencyKey"], "CONFLICT")
    for away in ("UPDATE uploads SET expires_at = now() - interval '1 s'", "DELETE FROM uploads"):
        db.exec_driver_sql(f"{away} WHERE file_name = 'b.fit'")
        [gone] = (await stage(api, person, *files, idempotencyKey="k"))["userErrors"]
        assert (gone["field"], gone["code"]) == (["input", "idempotencyKey"], "CONFLICT")
        assert "imported or deleted since, or have expired" in gone["message"]


async def test_room_is_bounded_for_all_and_in_number(settings, db, person):
    bounds = {"uploads_max_bytes": 100_000, "uploads_per_athlete": 2}
    async with serve(settings.model_copy(update=bounds)) as api:
        other = make.create_person(db)
        assert (await stage(api, other, ("a.zip", 60_000)))["userErrors"] == []
        [full] = (await stage(api, person, ("a.zip", 60_000)))["userErrors"]
        assert (full["code"], "UPLOADS_MAX_BYTES" in full["message"]) == ("CONFLICT", True)
        assert (await stage(api, person, ("a.zip", 10), ("b.zip", 10)))["userErrors"] == []
        [many] = (await stage(api, person, ("c.zip", 10)))["userErrors"]
        assert "2 uploads" in many["message"]


async def test_an_import_is_a_job_that_is_queued_once(api, person, db, redis_url):
    ids = [upload(db, person), upload(db, person)]
    answer = await import_(api, person, *ids)
    assert answer["userErrors"] == []
    assert (answer["job"]["kind"], answer["job"]["status"]) == ("IMPORT", "QUEUED")
    assert (await import_(api, person, *ids))["job"] == answer["job"]
    with Redis.from_url(redis_url) as redis:
        assert len(queued_ids(redis)) == 1
    [error] = (await import_(api, person, upload(db, person)))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "athleteId"], "CONFLICT")
    other = await import_(api, person, ids[0], visibility="EVERYONE")
    [error] = other["userErrors"]
    assert (other["job"], error["code"]) == (None, "CONFLICT")
    assert error["field"] == ["input", "visibility"]
    assert "with the visibility ONLY_ME" in error["message"]
    arguments = db.exec_driver_sql("SELECT arguments FROM jobs").scalar_one()
    assert arguments["visibility"] == "ONLY_ME"


async def test_a_key_gives_the_same_job(api, person, db):
    given = {"idempotencyKey": "k", "visibility": "EVERYONE"}
    one = upload(db, person)
    first = await import_(api, person, one, **given)
    assert await import_(api, person, one, **given) == first


async def test_uploads_that_cannot_be_imported_are_named(api, person, db):
    other = make.create_person(db)
    whole, half = upload(db, person), upload(db, person, received_bytes=4)
    cases = [
        ([whole, half], 1, "CONFLICT", "4 of 9 bytes of 'export.zip' have arrived"),
        ([upload(db, other)], 0, "NOT_FOUND", "no upload"),
        ([encode_id("Job", 5)], 0, "INVALID", "an Upload"),
        ([upload(db, person, expires_at="2026-01-01T00:00:00Z")], 0, "NOT_FOUND", "no upload"),
    ]
    for ids, place, code, says in cases:
        [error] = (await import_(api, person, *ids))["userErrors"]
        assert (error["field"], error["code"]) == (["input", "uploadIds", str(place)], code)
        assert says in error["message"]
    for ids in ([], [whole, whole], [whole] * 101):
        [error] = (await import_(api, person, *ids))["userErrors"]
        assert (error["field"], error["code"]) == (["input", "uploadIds"], "INVALID")
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 0


async def test_a_report_is_paged_in_order_and_filtered(api, person, db):
    job = make.create_job(db, person.athlete_id, kind="IMPORT")
    activity = make.create_activity(db, person.athlete_id)
    for position in (3, 1, 2, 0):
        made = activity if position == 2 else None
        make.create_import_entry(
            db, job, person.athlete_id, made, position=position, path=f"{position}.fit"
        )
    variables = {"id": encode_id("Job", job)}
    page = (await api.ask(REPORT, person.token, **variables))["job"]["importReport"]
    assert [each["path"] for each in page["nodes"]] == ["0.fit", "1.fit"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, True)
    after = page["pageInfo"]["endCursor"]
    page = (await api.ask(REPORT, person.token, **variables, after=after))["job"]["importReport"]
    assert [each["path"] for each in page["nodes"]] == ["2.fit", "3.fit"]
    assert page["nodes"][0]["activity"] == {"id": encode_id("Activity", activity)}
    found = await api.ask(REPORT, person.token, **variables, outcomes=["IMPORTED", "UPDATED"])
    assert [each["outcome"] for each in found["job"]["importReport"]["nodes"]] == ["IMPORTED"]
    many = await api.answer(REPORT, person.token, **variables, outcomes=["IMPORTED"] * 100)
    assert "entries long" in many["errors"][0]["message"]
    stranger = make.create_person(db)
    assert (await api.ask(REPORT, stranger.token, **variables))["job"] is None
