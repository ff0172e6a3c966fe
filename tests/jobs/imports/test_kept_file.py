"""A kept original is read again; where it cannot be, its own line says why."""

from io import BytesIO
from types import SimpleNamespace

import pytest

from db.original_codec import pack
from db.original_files import StoredOriginals
from jobs.imports.kept_file import file_of
from recordings import UnreadableFile
from settings import load_settings

PACKED = pack(BytesIO(b"<gpx/>"), 6, most=100)
LISTED = {
    "strava_id": 7,
    "name": "Stadtlauf",
    "sport_type": "Run",
    "gear": None,
    "description": None,
}


@pytest.fixture
def originals(tmp_path):
    return StoredOriginals(load_settings(None, originals_folder=tmp_path))


def row(**values) -> SimpleNamespace:
    usual = {"id": 5, "file_name": "a.gpx", "place": "DATABASE", "content": PACKED, "listed": None}
    return SimpleNamespace(**(usual | values))


def test_a_file_is_read_as_it_came_with_what_its_list_told(originals):
    file = file_of(originals, 3, row(listed=LISTED), "5")
    assert (file.number, file.name, file.content.read()) == (3, "a.gpx", b"<gpx/>")
    assert (file.listed.strava_id, file.listed.name) == (7, "Stadtlauf")
    assert file_of(originals, 3, row(), "5").listed is None


@pytest.mark.parametrize(
    ("found", "name", "said"),
    [
        (None, "5", "it was deleted since."),
        (row(content=b"no zstd"), "a.gpx", "it is damaged: "),
        (row(place="FOLDER", content=None), "a.gpx", "it is not where it was put"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(originals, found, name, said):
    file = file_of(originals, 3, found, "5")
    assert (file.number, file.name, file.listed) == (3, name, None)
    assert isinstance(file.content, UnreadableFile)
    assert str(file.content).startswith(f"{name}: {said}")
