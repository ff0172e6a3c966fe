"""Files that activities were read from are kept as they came, once each, and go with them."""

import gzip
import io
import os
import time

import pytest
from sqlalchemy import text

from db.models import OriginalPlace
from db.original_codec import unpacked
from db.original_files import OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from jobs.imports.file_import import FileImport, ImportOutcome
from jobs.imports.moved_originals import Move
from jobs.imports.originals import Originals
from jobs.original_removals import remove_due
from jobs.orphan_files import FileSweep
from operator_commands.checks.failure import CheckFailed
from operator_commands.checks.originals import check as check_originals
from operator_commands.migrations import downgrade, upgrade
from recordings.strava_list import ListedActivity
from runtime.export_folder import ExportFolder
from runtime.original_folder import OriginalFolder
from runtime.upload_folder import UploadFolder
from tests import factories as make
from tests.recordings.run import fit_file, gpx_file, run_of

FIT, GPX = fit_file(run_of(300)), gpx_file(run_of(200), start_s=1.78e9)


class Imports:
    """Imports of one athlete, by changed settings."""

    def __init__(self, settings, db) -> None:
        self.settings, self.db = settings, db
        self.athlete_id = make.create_athlete(db)
        self.database = SyncDatabase(settings, application_name="test")

    def take(self, files: dict[str, bytes], listed=None, **changes) -> list:
        settings = self.settings.model_copy(update=changes)
        originals = Originals.from_settings(settings)
        runner = TransactionRunner(self.database)
        importer = FileImport(runner, self.athlete_id, originals=originals)
        return [
            item
            for name, data in files.items()
            for item in importer.take(name, io.BytesIO(data), listed)
        ]

    def rows(self, columns: str = "id, file_name, size_bytes, place, content") -> list:
        return self.db.execute(text(f"SELECT {columns} FROM originals ORDER BY file_name")).all()

    def content(self, row) -> bytes:
        return b"".join(unpacked(StoredOriginals(self.settings).content_of(row)))


@pytest.fixture
def imports(settings, db):
    made = Imports(settings, db)
    yield made
    made.database.close()


@pytest.mark.parametrize("place", ["database", "folder"])
def test_files_are_kept_as_they_came(imports, place):
    listed = ListedActivity(7, "Stadtlauf", "Run", None, None)
    files = {"2026/a.FIT.gz": gzip.compress(FIT), "b.gpx": GPX, "no run.gpx": b"<gpx/>"}
    imports.take(files, listed, originals=place)
    fit, gpx = found = imports.rows()
    assert [(row.file_name, row.size_bytes) for row in found] == [
        ("a.FIT", len(FIT)),
        ("b.gpx", len(GPX)),
    ]
    assert (imports.content(fit), imports.content(gpx)) == (FIT, GPX)
    for row in found:
        assert row.place == place.upper()
        assert (row.content is None) == OriginalFolder(imports.settings).path_of(row.id).exists()
    told = {"name": "Stadtlauf", "strava_id": 7, "is_race": False}
    assert told.items() <= imports.rows("listed, file_name")[0].listed.items()
    again = imports.take({"other name.fit": FIT, "b.gpx": GPX}, originals=place)
    assert [each.outcome for each in again] == [ImportOutcome.SAME_AS] * 2
    assert imports.rows() == found


def test_what_was_imported_before_is_kept_when_it_comes_again(imports):
    imports.take({"a.fit": FIT}, originals="off")
    assert imports.rows() == []
    [item] = imports.take({"a.fit": FIT})
    assert (item.outcome, item.message) == (ImportOutcome.SAME_AS, "it was imported before")
    assert imports.content(imports.rows()[0]) == FIT


def test_beyond_the_athletes_room_files_are_imported_and_not_kept(imports, settings):
    imports.take({"a.fit": FIT})
    [(taken,)] = imports.rows("packed_bytes")
    [item] = imports.take({"b.gpx": GPX}, originals_max_bytes=taken + 100)
    assert item.outcome is ImportOutcome.IMPORTED
    assert "its original is not kept" in item.message
    assert "ORIGINALS_MAX_BYTES" in item.message
    assert len(imports.rows()) == 1


def test_a_file_that_is_too_large_is_imported_and_not_kept(imports, monkeypatch):
    monkeypatch.setattr("jobs.imports.packed_file._MOST_BYTES", 100)
    [item] = imports.take({"a.fit": FIT})
    assert item.outcome is ImportOutcome.IMPORTED
    assert "its original is not kept: it is too large to be kept" in item.message
    assert imports.rows() == []


def test_the_room_that_originals_take_is_known_without_adding_them_up(imports, settings):
    def room():
        rows = imports.db.execute(text("SELECT athlete_id, bytes FROM original_rooms")).all()
        added = imports.db.execute(
            text("SELECT athlete_id, sum(packed_bytes) FROM originals GROUP BY 1")
        ).all()
        taken = {athlete_id: taken for athlete_id, taken in rows if taken}
        assert taken == {athlete_id: int(each) for athlete_id, each in added}
        return taken.get(imports.athlete_id, 0)

    imports.take({"a.fit": FIT})
    one = room()
    imports.take({"b.gpx": GPX, "a again.fit": FIT})
    assert room() > one > 0
    downgrade(settings, "0055")
    upgrade(settings)  # of originals that were there before
    assert room() > one
    imports.db.execute(text("DELETE FROM activities WHERE name <> 'a.fit'"))
    assert room() == one
    [item] = imports.take({"b.gpx": GPX}, originals_max_bytes=one)
    assert "ORIGINALS_MAX_BYTES" in item.message
    imports.db.execute(text("DELETE FROM originals"))
    assert room() == 0
    imports.take({"a.fit": FIT})
    assert room() == one
    imports.db.execute(text("DELETE FROM athletes"))
    assert imports.db.execute(text("SELECT count(*) FROM original_rooms")).scalar_one() == 0


def test_a_folder_that_cannot_be_written_costs_the_original_only(imports, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    [item] = imports.take({"a.fit": FIT}, originals="folder", originals_folder=tmp_path / "file")
    assert item.outcome is ImportOutcome.IMPORTED
    assert "ORIGINALS_FOLDER" in item.message
    assert imports.rows() == []


def test_an_original_goes_with_its_last_activity_and_its_file_soon_after(imports, settings):
    imports.take({"a.fit": FIT, "b.gpx": GPX}, originals="folder")
    folder = OriginalFolder(settings)
    fit, gpx = (row.id for row in imports.rows())
    imports.db.execute(
        text(
            "WITH gone AS (INSERT INTO deleted_activities (id, athlete_id) "
            "SELECT id, athlete_id FROM activities WHERE name = 'a.fit' RETURNING id) "
            "UPDATE imported_files f SET activity_id = NULL, deleted_activity_id = g.id "
            "FROM gone g WHERE f.activity_id = g.id"
        )
    )
    assert [row.id for row in imports.rows()] == [gpx]
    remove_due(settings, imports.database)
    assert (folder.path_of(fit).exists(), folder.path_of(gpx).exists()) == (False, True)


def test_a_file_without_a_row_goes_in_an_hour(imports, settings, monkeypatch):
    imports.take({"a.fit": FIT, "b.gpx": GPX}, originals="folder")
    folder = OriginalFolder(settings)
    fit, gpx = (row.id for row in imports.rows())
    imports.db.execute(text("DELETE FROM activities WHERE name = 'a.fit'"))
    imports.db.execute(text("DELETE FROM original_removals"))  # as after a backup was restored
    FileSweep(settings, imports.database).run()
    assert folder.path_of(fit).exists()  # its row may not be committed yet
    long_ago = time.time() - 4000
    for each in (fit, gpx):
        os.utime(folder.path_of(each), (long_ago, long_ago))
    sweep = FileSweep(settings, imports.database)
    sweep.run()
    assert (folder.path_of(fit).exists(), folder.path_of(gpx).exists()) == (False, True)
    imports.db.execute(text("DELETE FROM activities"))
    assert imports.rows() == []
    sweep.run()
    assert folder.path_of(gpx).exists()  # they are looked at once an hour
    hour_s = time.monotonic() + 3600
    monkeypatch.setattr("jobs.orphan_files.monotonic", lambda: hour_s)
    sweep.run()
    assert not folder.path_of(gpx).exists()


def test_a_folder_that_cannot_be_swept_is_told_and_the_others_are(imports, settings, caplog):
    uploads, exports = UploadFolder(settings), ExportFolder(settings)
    for each in (uploads, exports):
        each.make()
    uploads.path_of(5).mkdir()  # no file
    exports.path_of(6).write_bytes(b"of no row")
    FileSweep(settings, imports.database).run()
    assert not exports.path_of(6).exists()
    [told] = [
        each for each in caplog.records if each.message == "a folder of files cannot be swept"
    ]
    assert told.folder == "uploads"


def test_what_cannot_be_moved_stays_and_says_why(imports, settings):
    imports.take({"a.fit": FIT, "b.gpx": GPX, "c.gpx": gpx_file(run_of(90), start_s=1.79e9)})
    for change in (
        "content = '\\x00' WHERE file_name = 'a.fit'",
        "content = (SELECT content FROM originals WHERE file_name = 'c.gpx') WHERE file_name = 'b.gpx'",
    ):
        imports.db.execute(text(f"UPDATE originals SET {change}"))
    before = imports.rows()
    runner = TransactionRunner(imports.database)
    move = Move(runner, StoredOriginals(settings), OriginalPlace.FOLDER, None)
    told = dict(move.run())
    assert told["a.fit"].startswith("it is damaged: ")
    assert told["b.gpx"] == "it is damaged: its SHA-256 is another"
    assert told["c.gpx"] is None
    assert imports.rows()[:2] == before[:2]
    imports.db.execute(text("UPDATE originals SET place = 'S3' WHERE file_name = 'c.gpx'"))
    with pytest.raises(OriginalUnreachable, match="ORIGINALS_S3_BUCKET"):
        dict(move.run())
    with pytest.raises(CheckFailed, match="originals in S3, but ORIGINALS_S3_BUCKET is not set"):
        check_originals(settings)
