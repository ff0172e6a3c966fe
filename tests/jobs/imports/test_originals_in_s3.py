"""Originals in S3: an import goes on while the server is away, and nothing is lost or forgotten."""

import io
import logging
from zipfile import ZipFile

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from db.models import OriginalPlace
from db.original_codec import unpacked
from db.original_files import OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from graph.global_id import encode_id
from jobs.imports.file_import import FileImport, ImportOutcome
from jobs.imports.moved_originals import Move
from jobs.imports.originals import Originals
from jobs.imports.rules_version import RULES_VERSION
from jobs.original_removals import remove_due
from operator_commands.checks import originals as check
from operator_commands.checks.failure import CheckFailed
from operator_commands.export_athlete import export_athlete
from operator_commands.move_originals import move_originals
from operator_commands.rederive import rederive
from runtime.original_bucket import BucketError, OriginalBucket
from tests import factories as make
from tests.recordings.run import fit_file, gpx_file, run_of
from tests.s3_server import SECRET, S3Server

FIT, GPX = fit_file(run_of(300)), gpx_file(run_of(200), start_s=1.78e9)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = S3Server(tmp_path_factory.mktemp("s3"))
    yield made
    made.kill()


@pytest.fixture
def s3(server, settings):
    server.empty()
    return server.used_by(settings)


def test_a_bucket_may_be_named_in_the_host(settings, tmp_path):
    server = S3Server(tmp_path, in_host=True)
    try:
        bucket = OriginalBucket(server.used_by(settings, originals_s3_timeout_s=10))
        bucket.write(7, b"as it came")
        assert bucket.read(7) == b"as it came"
        assert server.names() == {"originals/7"}
        bucket.remove(7)
        with pytest.raises(FileNotFoundError):
            bucket.read(7)
        wrong = SecretStr("another")
        stranger = server.used_by(settings, originals_s3_timeout_s=10).model_copy(
            update={"originals_s3_secret_key": wrong}
        )
        with pytest.raises(BucketError, match="SignatureDoesNotMatch"):
            OriginalBucket(stranger).read(7)
    finally:
        server.kill()


class Imports:
    def __init__(self, settings, db) -> None:
        self.settings, self.db = settings, db
        self.athlete_id = make.create_athlete(db)
        self.database = SyncDatabase(settings, application_name="test")
        self.importer = FileImport(
            TransactionRunner(self.database),
            self.athlete_id,
            originals=Originals.from_settings(settings),
        )

    def take(self, name: str, data: bytes):
        [item] = self.importer.take(name, io.BytesIO(data))
        return item

    def rows(self) -> list:
        columns = "id, file_name, place, content, digest"
        return self.db.execute(text(f"SELECT {columns} FROM originals ORDER BY file_name")).all()

    def names(self) -> set[str]:
        return {f"originals/{row.id}" for row in self.rows()}

    def content(self, row) -> bytes:
        return b"".join(unpacked(StoredOriginals(self.settings).content_of(row)))

    def removals(self) -> list:
        columns = "original_id, place, failures, due_at <= now() AS is_due"
        return self.db.execute(text(f"SELECT {columns} FROM original_removals")).all()

    def make_due(self) -> None:
        self.db.execute(text("UPDATE original_removals SET due_at = now()"))


@pytest.fixture
def imports(s3, db):
    made = Imports(s3, db)
    yield made
    made.database.close()


def test_they_are_kept_read_exported_and_derived_again(server, imports, tmp_path, capsys):
    for name, data in (("a.fit", FIT), ("b.gpx", GPX)):
        assert imports.take(name, data).outcome is ImportOutcome.IMPORTED
    rows = imports.rows()
    assert [(row.place, row.content) for row in rows] == [("S3", None)] * 2
    assert [imports.content(row) for row in rows] == [FIT, GPX]
    assert server.names() == imports.names()
    assert imports.removals() == []  # announced before, withdrawn by the commit

    athlete = encode_id("Athlete", imports.athlete_id)
    assert export_athlete(imports.settings, athlete=athlete, to=tmp_path / "all.zip") == 0
    with ZipFile(tmp_path / "all.zip") as archive:
        named = {each[-5:]: each for each in archive.namelist() if each.startswith("originals/")}
        assert archive.read(named["a.fit"]) == FIT
        assert archive.read(named["b.gpx"]) == GPX
    assert rederive(imports.settings, athlete=athlete, again=True) == 0
    version = imports.db.execute(text("SELECT DISTINCT rules_version FROM originals")).scalar_one()
    assert version == RULES_VERSION


def test_a_server_that_dies_costs_originals_and_no_import(server, imports, caplog):
    assert "original" not in imports.take("a.fit", FIT).message
    server.stop()
    try:
        with caplog.at_level(logging.WARNING):
            item = imports.take("b.gpx", GPX)
        again = imports.take("c.gpx", gpx_file(run_of(100)))  # not asked again for a while
    finally:
        server.go_on()
    for each in (item, again):
        assert each.outcome is ImportOutcome.IMPORTED
        assert "its original is not kept" in each.message
        assert "Import the file again" in each.message
    assert "an original cannot be kept" in caplog.text
    assert SECRET not in caplog.text
    assert [row.file_name for row in imports.rows()] == ["a.fit"]
    assert len(imports.removals()) == 2  # what may have arrived is deleted in an hour
    assert not any(row.is_due for row in imports.removals())

    later = Imports.__new__(Imports)
    later.__dict__ |= imports.__dict__
    later.importer = FileImport(
        TransactionRunner(imports.database),
        imports.athlete_id,
        originals=Originals.from_settings(imports.settings),
    )
    assert later.take("b.gpx", GPX).outcome is ImportOutcome.SAME_AS
    assert [row.file_name for row in later.rows()] == ["a.fit", "b.gpx"]
    imports.make_due()
    remove_due(imports.settings, imports.database)
    assert imports.removals() == []
    assert server.names() == imports.names()  # also what arrived after the timeout


def test_a_file_that_is_not_deleted_is_tried_until_it_is(server, imports):
    imports.take("a.fit", FIT)
    names = imports.names()
    imports.db.execute(text("DELETE FROM activities"))
    assert imports.rows() == []
    server.stop()
    try:
        remove_due(imports.settings, imports.database)
    finally:
        server.go_on()
    [waiting] = imports.removals()
    assert (waiting.place, waiting.failures, waiting.is_due) == ("S3", 1, False)
    imports.make_due()
    remove_due(imports.settings, imports.database)
    assert imports.removals() == []
    assert server.names().isdisjoint(names)


def test_a_file_with_a_row_is_never_removed(server, imports):
    imports.take("a.fit", FIT)
    imports.db.execute(text("INSERT INTO original_removals SELECT id, place FROM originals"))
    remove_due(imports.settings, imports.database)
    assert imports.removals() == []
    assert server.names() == imports.names()


def test_one_that_is_not_deleted_does_not_keep_others(imports):
    """A folder where a file should be cannot be deleted as one; what comes after it can."""
    folder = imports.settings.pacegraph_home / "originals"
    (folder / "1").mkdir(parents=True)
    (folder / "2").write_bytes(b"of nobody")
    due = "INSERT INTO original_removals VALUES (1, 'FOLDER', now() - interval '1 h'), (2, 'FOLDER', now())"
    imports.db.execute(text(due))
    remove_due(imports.settings, imports.database)
    assert {(row.original_id, row.failures) for row in imports.removals()} == {(1, 1), (2, 0)}
    imports.db.execute(text("UPDATE original_removals SET due_at = due_at - interval '31 s'"))
    remove_due(imports.settings, imports.database)
    assert [row.original_id for row in imports.removals()] == [1]
    assert not (folder / "2").exists()


class _WhenWritten(StoredOriginals):
    """Originals which do something when a file was written."""

    def __init__(self, settings, and_then) -> None:
        super().__init__(settings)
        self._and_then = and_then

    def write(self, place, number, packed):
        super().write(place, number, packed)
        self._and_then()


def test_a_move_that_comes_too_late_loses_nothing(server, imports):
    """The new file was deleted again, because more than an hour went by: so the old one counts."""
    imports.take("a.fit", FIT)

    def hours_later() -> None:
        imports.make_due()
        remove_due(imports.settings, imports.database)

    originals = _WhenWritten(imports.settings, hours_later)
    move = Move(TransactionRunner(imports.database), originals, OriginalPlace.FOLDER, None)
    [(name, said)] = move.run()
    assert (name, "too late" in str(said)) == ("a.fit", True)
    [row] = imports.rows()
    assert (row.place, imports.content(row)) == ("S3", FIT)


def test_they_move_from_place_to_place(server, imports, capsys):
    imports.take("a.fit", FIT)
    imports.take("b.gpx", GPX)
    in_s3 = server.names()
    for to in ("folder", "database", "s3"):
        assert move_originals(imports.settings, to=to, athlete=None) == 0
        assert "moved 2 originals, 0 stay" in capsys.readouterr().out
        rows = imports.rows()
        assert {row.place for row in rows} == {to.upper()}
        assert [imports.content(row) for row in rows] == [FIT, GPX]
        assert server.names() == (in_s3 if to == "s3" else set())
        folder = imports.settings.pacegraph_home / "originals"
        assert len(list(folder.iterdir())) == (2 if to == "folder" else 0)
        assert imports.removals() == []
    server.stop()
    try:
        assert move_originals(imports.settings, to="folder", athlete=None) == 1
    finally:
        server.go_on()
    assert server.names() == in_s3


def test_the_doctor_writes_reads_and_deletes(server, s3, monkeypatch):
    for name in ("SESSION_TOKEN", "ENDPOINT_URL", "ENDPOINT", "SKIP_SIGNATURE", "ACCESS_KEY_ID"):
        monkeypatch.setenv(f"AWS_{name}", "true")  # none of which counts
    assert check.check(s3).startswith("kept in s3; s3 can be written, read and deleted from")
    assert server.names() == set()
    wrong = {"originals_s3_bucket": "another"}, {"originals_s3_secret_key": "another"}
    for changes, said in zip(
        wrong, ("there is no bucket another", "SignatureDoesNotMatch"), strict=True
    ):
        with pytest.raises(CheckFailed, match=said):
            check.check(server.used_by(s3, **changes))
    server.stop()
    try:
        with pytest.raises(CheckFailed, match="ORIGINALS_S3_ENDPOINT") as failed:
            check.check(s3)
    finally:
        server.go_on()
    assert SECRET not in str(failed.value)


def test_nobody_there_is_told_at_once(s3, server):
    nowhere = server.used_by(s3, originals_s3_endpoint="http://127.0.0.1:9")
    with pytest.raises(BucketError):
        OriginalBucket(nowhere).read(1)
    with pytest.raises(OriginalUnreachable):
        StoredOriginals(nowhere).content_of(
            type("Row", (), {"id": 1, "place": "S3", "content": None})
        )
