"""After an erasure nothing of the data is anywhere: no row, no key of Redis, no file."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Timer

import pytest
from sqlalchemy import insert

from db.models import Upload
from db.statements.activities import activity_deletion
from db.statements.athletes import athlete as athletes
from db.statements.athletes import export as exports
from db.statements.files import upload as uploads
from db.statements.jobs import job as jobs
from db.statements.jobs import job_attempt, job_lease
from jobs.cached_answers import forget_cached_answers
from jobs.reconcile import Reconciler
from local.generated_secrets import new_secret_key
from tests import factories as make
from tests.graph.api import serve
from tests.jobs.tasks.test_export import create, exported, lines
from tests.jobs.tasks.test_file_import import import_job
from tests.jobs.tasks.test_file_import import upload as file_upload
from tests.recordings.run import gpx_file, run_of

MARK = "Geheimnisvoll"
ASKED = "query($id: ID!) { athlete(id: $id) { firstName activities { nodes { name } } } }"


def dump(world) -> bytes:
    """All rows of all tables, as `pg_dump` writes them."""
    tables = world.rows(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    parts = []
    with world.database.read() as connection:
        cursor = connection.connection.cursor()
        for table in tables:
            with cursor.copy(f"COPY {table['name']} TO STDOUT") as copy:
                parts += [bytes(each) for each in copy]
    return b"".join(parts)


def keys(world) -> bytes:
    """All keys of Redis with their values."""
    read = {
        b"string": world.redis.get,
        b"hash": world.redis.hgetall,
        b"list": lambda key: world.redis.lrange(key, 0, -1),
        b"set": world.redis.smembers,
        b"zset": lambda key: world.redis.zrange(key, 0, -1, withscores=True),
        b"stream": world.redis.xrange,
    }
    found = sorted(world.redis.scan_iter(count=1000))
    return repr([(each, read[world.redis.type(each)](each)) for each in found]).encode()


def files(world) -> bytes:
    folder = Path(world.settings.pacegraph_home)
    return b"".join(
        [str(each).encode() + each.read_bytes() for each in folder.rglob("*") if each.is_file()]
    )


def where_it_is(world) -> list[str]:
    places = {"PostgreSQL": dump(world), "Redis": keys(world), "files": files(world)}
    marks = (MARK.encode(), MARK.encode().hex().encode())
    return [name for name, data in places.items() if any(mark in data for mark in marks)]


def upload(world, athlete_id: int) -> Path:
    with world.database.write() as connection:
        values = {"athlete_id": athlete_id, "file_name": MARK, "size_bytes": 5, "received_bytes": 5}
        number = connection.execute(
            insert(Upload)
            .values(**values, expires_at=make.NOON.replace(year=2100))
            .returning(Upload.id)
        ).scalar_one()
    folder = Path(world.settings.pacegraph_home, "uploads")
    folder.mkdir(exist_ok=True)
    (folder / str(number)).write_bytes(MARK.encode())
    return folder / str(number)


def file_of(world, athlete_id: int) -> int:
    """Upload a run; returns the upload's id."""
    return file_upload(world, athlete_id, gpx_file(run_of(300)), "run.gpx")


async def ask(settings, person: make.Person) -> dict:
    async with serve(settings) as api:
        answer = await api.answer(ASKED, person.token, id=person.id)
        await api.app.state.services.cache.wait_for_writes()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.fixture
def person(world) -> make.Person:
    world.settings = world.settings.model_copy(
        update={"secret_key": type(world.settings.redis_url)(new_secret_key())}
    )
    person = create(world, MARK)
    world.write("DELETE FROM feedback")  # a message to the operator stays
    world.write("DELETE FROM import_entries")  # so does what an import of files tells
    world.write(
        "UPDATE strava_connections SET access_token = :token, refresh_token = :token",
        token=MARK.encode(),
    )
    return person


def test_nothing_is_left_anywhere(world, person):
    assert world.work(world.create(person.athlete_id, "EXPORT"))["status"] == "SUCCEEDED"
    waiting = world.create(person.athlete_id, "IMPORT", uploads=[1], visibility=MARK)
    queued = world.enqueue(world.create(person.athlete_id, "STRAVA_SYNC", since=MARK))
    file = upload(world, person.athlete_id)
    archive = Path(
        world.settings.pacegraph_home, "exports", str(world.value("SELECT id FROM exports"))
    )
    reader = archive.open("rb")
    assert MARK in str(asyncio.run(ask(world.settings, person)))
    assert where_it_is(world) == ["PostgreSQL", "Redis", "files"]

    job = world.work(world.create(person.athlete_id, "ERASE_ATHLETE"))
    assert (job["status"], job["error_message"]) == ("SUCCEEDED", None)
    assert where_it_is(world) == []
    assert not file.exists()
    assert not archive.exists()
    assert reader.read() == b""  # who downloads it at this moment gets no more
    reader.close()
    assert {world.job(each)["status"] for each in (waiting, queued)} == {"CANCELLED"}
    assert asyncio.run(ask(world.settings, person)) == {
        "athlete": {"firstName": "Athlete", "activities": {"nodes": []}}
    }
    row = world.one("SELECT * FROM athletes")
    told = ("city", "country", "sex", "birth_date", "resting_heart_rate_bpm", "max_heart_rate_bpm")
    assert {row[name] for name in told} == {None}
    assert world.value("SELECT count(*) FROM heart_rate_zones") == 0


def test_what_the_athlete_has_from_files_stays_with_what_it_needs(world, person):
    with world.database.write() as db:
        kept = make.create_activity(
            db, person.athlete_id, source="FILE", strava_id=None, name="From a file"
        )
    world.write(
        "UPDATE athletes SET sex = 'FEMALE', birth_date = '1980-05-17', max_heart_rate_bpm = 190"
    )
    assert world.work(world.create(person.athlete_id, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.rows("SELECT id FROM activities") == [{"id": kept}]
    told = "first_name, sex, max_heart_rate_bpm AS bpm, birth_date IS NULL AS without"
    assert world.one(f"SELECT {told} FROM athletes") == {
        "first_name": "Athlete",
        "sex": "FEMALE",
        "bpm": 190,
        "without": False,
    }
    assert world.value("SELECT count(*) FROM heart_rate_zones") == 2


def test_keeping_the_data_keeps_files_and_profile(world, person):
    file = upload(world, person.athlete_id)
    assert world.work(world.create(person.athlete_id, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    assert file.exists()
    assert world.value("SELECT first_name FROM athletes") == MARK
    assert world.value("SELECT count(*) FROM uploads WHERE file_name = :name", name=MARK) == 2


def test_an_answer_that_comes_late_is_forgotten_by_the_reconciler(world, person):
    """One that was being computed when the data went."""
    assert world.work(world.create(person.athlete_id, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    for number in range(1200):
        world.redis.set(f"pacegraph:cache:{number}", MARK)
    world.redis.set("pacegraph:other", "kept")
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert where_it_is(world) == []
    assert world.redis.get("pacegraph:other") == b"kept"


def test_without_an_erasure_answers_stay(world, caplog):
    world.redis.set("pacegraph:cache:1", "kept")
    Reconciler(world.settings, world.database, world.redis).run_once()
    nowhere = {"redis_url": type(world.settings.redis_url)("redis://127.0.0.1:1")}
    forget_cached_answers(world.settings.model_copy(update=nowhere))  # raises nothing
    assert "cached answers could not be deleted" in caplog.messages
    assert world.redis.get("pacegraph:cache:1") == b"kept"
    forget_cached_answers(world.settings)
    assert world.redis.get("pacegraph:cache:1") is None


def test_files_that_are_imported_since_it_was_asked_for_stay(world, person):
    """Files are the athlete's own; an archive is made anew, of what is left."""
    before = import_job(world, person.athlete_id, old := file_of(world, person.athlete_id))
    world.cancel(before)
    erasure = world.create(person.athlete_id, "ERASE_ATHLETE")
    late = file_of(world, person.athlete_id)
    job_id = import_job(world, person.athlete_id, late)
    archive = world.create(person.athlete_id, "EXPORT")
    assert world.change_job(job_lease.claim(), job_id=archive, lease_s=60)
    assert world.work(erasure)["status"] == "SUCCEEDED"
    assert world.rows("SELECT id FROM uploads") == [{"id": late}]
    folder = Path(world.settings.pacegraph_home, "uploads")
    assert [each.name for each in folder.iterdir()] == [str(late)] != [str(old)]
    job = world.work(job_id)
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 1)
    Reconciler(world.settings, world.database, world.redis).look_at_rows()
    assert world.work(archive)["status"] == "SUCCEEDED"
    assert where_it_is(world) == []


def test_an_archive_that_begins_while_data_is_deleted_has_what_is_left(world, person):
    """The deletion of archives has passed already, and nothing of it is committed yet."""
    job_id = world.create(person.athlete_id, "EXPORT")
    athlete = {"athlete": person.athlete_id}
    is_deleted, has_begun = Event(), Event()

    def erase() -> None:
        with world.database.write() as connection:
            connection.execute(athletes.lock(), athlete)
            for statement in activity_deletion.delete_strava_data():
                connection.execute(statement, athlete)
            connection.execute(exports.remove_of_athlete(), athlete)
            is_deleted.set()
            has_begun.wait(3)

    with ThreadPoolExecutor(1) as pool:
        erasure = pool.submit(erase)
        assert is_deleted.wait(3)
        Timer(0.5, has_begun.set).start()
        job = world.work(job_id)
        erasure.result()
    assert lines(exported(world, job), "activities") == []


def test_files_that_an_import_takes_at_the_moment_of_the_erasure_stay(world, person):
    late = file_of(world, person.athlete_id)
    erasure = world.create(person.athlete_id, "ERASE_ATHLETE")
    values = {
        "athlete": person.athlete_id,
        "uploads": [late],
        "job_kind": "IMPORT",
        "account": None,
    }
    is_taken, may_end = Event(), Event()

    def begin_import() -> None:
        with world.database.write() as connection:
            arguments = {"uploads": [late], "visibility": "ONLY_ME"}
            made = connection.execute(jobs.create(), {**values, "job_arguments": arguments}).one()
            connection.execute(uploads.of_athlete(), values)
            connection.execute(uploads.give_to_job(), {**values, "job_id": made.id})
            is_taken.set()
            may_end.wait(3)

    with ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(begin_import)
        assert is_taken.wait(3)
        Timer(0.5, may_end.set).start()
        assert world.work(erasure)["status"] == "SUCCEEDED"
        beginning.result()
    assert world.rows("SELECT id FROM uploads") == [{"id": late}]


def test_a_job_that_ends_with_the_data_says_so(world, person):
    waiting = import_job(world, person.athlete_id, file_of(world, person.athlete_id))
    running = world.create(person.athlete_id, "EXPORT")
    claimed = world.change_job(job_lease.claim(), job_id=running, lease_s=60)
    world.work(world.create(person.athlete_id, "ERASE_ATHLETE"))
    attempt = {"job_id": running, "attempt": claimed.attempts}
    assert world.change_job(job_attempt.stop_cancelled(), **attempt)
    for each in (waiting, running):
        assert world.job(each)["error_message"].endswith("because the athlete's data was deleted.")
