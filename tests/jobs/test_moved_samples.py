"""Samples of old activities that are in S3: nobody notices, and nothing is lost or left over."""

from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from sqlalchemy import delete, select, text

from db.models import Activity, OriginalPlace
from db.original_files import OriginalMissing, OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.statements.files import original
from db.statements.files import original_removal as removals
from db.transaction_runner import TransactionRunner
from graph.global_id import encode_id
from jobs.exports.archive import AthleteArchive
from jobs.moved_samples import SamplesMove
from jobs.original_removals import remove_due
from jobs.sync.stored_streams import EncodedStreams, samples_in, store_streams, stored_rows
from operator_commands.move_samples import move_samples
from runtime.clock import utc_now
from tests import factories as make
from tests.s3_server import S3Server

COUNT = 3_000
ROWS = "SELECT * FROM activity_streams ORDER BY activity_id"
LEVELS = "SELECT * FROM activity_stream_levels ORDER BY activity_id, points"
FILES = "SELECT * FROM moved_samples"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = S3Server(tmp_path_factory.mktemp("s3"))
    yield made
    made.kill()


@pytest.fixture
def s3(server, settings):
    server.empty()
    return server.used_by(settings, originals_s3_timeout_s=5)


@pytest.fixture
def owner(db):
    return make.create_person(db)


@pytest.fixture
def old(db, owner) -> int:
    """A run of three years ago, with all columns."""
    began = utc_now() - timedelta(days=1_100)
    activity = make.create_activity(db, owner.athlete_id, started_at=began)
    make.create_streams(db, activity, make.samples(COUNT, every_column=True, gap_s=50))
    return activity


@pytest.fixture
def recent(db, owner) -> int:
    began = utc_now() - timedelta(days=100)
    activity = make.create_activity(db, owner.athlete_id, started_at=began)
    make.create_streams(db, activity, make.samples(100))
    return activity


@pytest.fixture
def database(s3):
    made = SyncDatabase(s3, application_name="test")
    yield made
    made.close()


def move(s3, to: str = "s3", older_than_days: float = 365, athlete: str | None = None) -> int:
    return move_samples(s3, to=to, older_than_days=older_than_days, athlete=athlete)


def rows(db, query: str) -> list[dict]:
    return [dict(each) for each in db.execute(text(query)).mappings()]


def write_anew(db, activity: int) -> None:
    """Store other samples, as a sync does where a recording was replaced."""
    found = db.execute(select(Activity.id, Activity.athlete_id).where(Activity.id == activity))
    store_streams(db, found.one(), EncodedStreams.from_samples(make.samples(10)))


def remove_in_a_minute(s3, db, database) -> None:
    db.execute(text("UPDATE original_removals SET due_at = due_at - interval '1 minute'"))
    remove_due(s3, database)


def test_old_samples_go_and_come_back(s3, server, db, database, owner, old, recent):
    before, levels = rows(db, ROWS), rows(db, LEVELS)
    assert move(s3) == 0
    [file] = rows(db, FILES)
    assert (file["activity_id"], file["place"]) == (old, "S3")
    assert server.names() == {f"originals/{file['file_id']}"}
    moved = {each["activity_id"]: each for each in rows(db, ROWS)}
    assert [moved[old][each] for each in ("samples", "marks", "positions")] == [b"", b"", b""]
    assert moved[recent] == next(each for each in before if each["activity_id"] == recent)
    assert rows(db, LEVELS) == levels
    assert db.execute(removals.state()).one().removals == 0
    assert move(s3) == 0, "a second run has nothing to do"
    assert rows(db, FILES) == [file]
    assert move(s3, "database") == 0
    assert (rows(db, ROWS), rows(db, FILES)) == (before, [])
    assert len(server.names()) == 1, "who read the row before still finds it"
    remove_in_a_minute(s3, db, database)
    assert server.names() == set()


def test_one_athlete_and_an_age_can_be_chosen(s3, db, owner, old, recent):
    other = encode_id("Athlete", make.create_athlete(db))
    assert move(s3, athlete=other) == 0
    assert rows(db, FILES) == []
    assert move(s3, older_than_days=50, athlete=encode_id("Athlete", owner.athlete_id)) == 0
    assert {each["activity_id"] for each in rows(db, FILES)} == {old, recent}


def test_jobs_and_exports_fetch_them(s3, server, db, database, owner, old):
    files = StoredOriginals(s3)

    class Steps:
        def read(self, step):
            with database.read() as connection:
                return step(connection)

        def report(self, done, total, what):
            pass

    def exported() -> dict[str, bytes]:
        archive = BytesIO()
        AthleteArchive(Steps(), owner.athlete_id, "here", files).write(archive)
        with ZipFile(archive) as found:
            names = [each for each in found.namelist() if "streams" in each or "gpx" in each]
            return {each: found.read(each) for each in names}

    def derived_from():
        activity = SimpleNamespace(id=old, athlete_id=owner.athlete_id)
        samples, encoded = samples_in(stored_rows(db, [activity])[old], files)
        assert encoded is None
        return {name: list(column) for name, column in samples.columns().items()}

    before = exported(), derived_from()
    assert len(before[0]) == 2
    assert move(s3) == 0
    assert (exported(), derived_from()) == before
    server.kill()
    try:
        for each in (exported, derived_from):
            with pytest.raises(OriginalUnreachable):
                each()
    finally:
        server.start()
    server.empty()
    with pytest.raises(OriginalMissing):
        derived_from()
    assert b"not where it was put" not in exported()["tables/activity_streams.jsonl"]


@pytest.mark.parametrize("change", ["deleted", "written anew"])
def test_what_is_not_needed_any_more_is_deleted(s3, server, db, database, owner, old, change):
    assert move(s3) == 0
    [file] = rows(db, FILES)
    assert list(db.execute(original.at(), {"at_place": "S3"}).scalars()) == [file["file_id"]]
    if change == "deleted":
        db.execute(delete(Activity).where(Activity.id == old))
    else:
        write_anew(db, old)
    assert rows(db, FILES) == []
    remove_due(s3, database)
    assert server.names() == set()


class _Interrupted(StoredOriginals):
    """Fails at the n-th file: as it is written, or as it is read back."""

    def __init__(self, settings, *, writes: int, reads: int) -> None:
        super().__init__(settings)
        self.writes, self.reads = writes, reads

    def write(self, place, number, packed):
        self.writes -= 1
        if self.writes < 0:
            raise KeyboardInterrupt
        super().write(place, number, packed)

    def read(self, place, number):
        self.reads -= 1
        if self.reads < 0:
            raise KeyboardInterrupt
        return super().read(place, number)


@pytest.mark.parametrize(("writes", "reads"), [(0, 9), (1, 0)])
def test_an_interrupted_move_loses_nothing(s3, server, db, database, old, writes, reads):
    before = rows(db, ROWS)
    files = _Interrupted(s3, writes=writes, reads=reads)
    with pytest.raises(KeyboardInterrupt):
        list(SamplesMove(TransactionRunner(database), files).take_out(OriginalPlace.S3))
    assert (rows(db, ROWS), rows(db, FILES)) == (before, [])
    assert len(server.names()) == writes
    db.execute(text("UPDATE original_removals SET due_at = now()"))
    remove_due(s3, database)
    assert server.names() == set()


POSITIONS = "UPDATE activity_streams SET positions = sample_count::text::bytea"


@pytest.mark.parametrize("change", ["written anew", "placed", "erased"])
def test_samples_that_change_meanwhile_stay(s3, server, db, database, old, change):
    """Also where positions alone did; what was written for nothing is deleted at once."""

    class Changing(StoredOriginals):
        def write(self, place, number, packed):
            super().write(place, number, packed)
            if change == "written anew":
                write_anew(db, old)
            else:
                erased = delete(Activity).where(Activity.id == old)
                db.execute(text(POSITIONS) if change == "placed" else erased)
            changed.extend(rows(db, ROWS))

    changed: list[dict] = []
    move = SamplesMove(TransactionRunner(database), Changing(s3))
    assert list(move.take_out(OriginalPlace.S3)) == [0]
    assert (rows(db, ROWS), rows(db, FILES)) == (changed, [])
    assert len(server.names()) == 1
    remove_due(s3, database)
    assert server.names() == set()


def test_they_change_their_place_without_the_database(s3, server, db, database, owner, old, recent):
    before, folder = rows(db, ROWS), s3.pacegraph_home / "originals"
    assert move(s3, "folder", older_than_days=50) == 0
    files = {each["activity_id"]: each for each in rows(db, FILES)}
    assert {each["place"] for each in files.values()} == {"FOLDER"}
    moved = rows(db, ROWS)

    assert move(s3, older_than_days=365) == 0
    assert rows(db, ROWS) == moved
    now = {each["activity_id"]: each for each in rows(db, FILES)}
    assert now[recent] == files[recent], "it is too young"
    assert (now[old]["place"], now[old]["digest"]) == ("S3", files[old]["digest"])
    assert server.names() == {f"originals/{now[old]['file_id']}"}
    in_folder = {each for each in folder.rglob("*") if each.is_file()}
    assert len(in_folder) == 2, "who read the row before still finds it"
    remove_in_a_minute(s3, db, database)
    assert len([each for each in in_folder if each.exists()]) == 1

    assert move(s3, "database") == 0
    assert (rows(db, ROWS), rows(db, FILES)) == (before, [])


def test_one_file_that_is_gone_keeps_no_other(s3, server, db, old, recent, capsys):
    before = rows(db, ROWS)
    assert move(s3, older_than_days=50) == 0
    files = {each["activity_id"]: each for each in rows(db, FILES)}
    StoredOriginals(s3).remove(OriginalPlace.S3, files[old]["file_id"])
    capsys.readouterr()
    for to in ("folder", "database"):
        assert move(s3, to, older_than_days=50) == 1
        told = capsys.readouterr().out.splitlines()
        assert told == [
            f"activity {old}: {OriginalMissing()}",
            "moved the samples of 1 activities, those of 1 stay where they are",
        ]
        assert next(each for each in rows(db, FILES) if each["activity_id"] == old) == files[old]
    assert [each["activity_id"] for each in rows(db, FILES)] == [old]
    moved = {each["activity_id"]: each for each in rows(db, ROWS)}
    assert moved[recent] == next(each for each in before if each["activity_id"] == recent)


@pytest.mark.parametrize("change", ["written anew", "erased"])
def test_what_changes_while_its_file_moves_is_left_alone(s3, server, db, database, old, change):
    assert move(s3, "folder") == 0

    class Changing(StoredOriginals):
        def write(self, place, number, packed):
            super().write(place, number, packed)
            if change == "written anew":
                write_anew(db, old)
            else:
                db.execute(delete(Activity).where(Activity.id == old))
            changed.extend(rows(db, ROWS))

    changed: list[dict] = []
    move_again = SamplesMove(TransactionRunner(database), Changing(s3))
    list(move_again.change_place(OriginalPlace.S3))
    assert (rows(db, ROWS), rows(db, FILES)) == (changed, [])
    assert len(server.names()) == 1
    remove_due(s3, database)
    assert server.names() == set()
