"""Files are fetched before they are read, no more of them than fit."""

from types import SimpleNamespace

import pytest

from db.models import OriginalPlace
from db.original_files import OriginalMissing
from jobs.sync import fetched_samples
from jobs.sync.fetched_samples import FetchedSamples
from settings import load_settings

FOLDER = OriginalPlace.FOLDER


@pytest.fixture
def files(tmp_path, monkeypatch) -> FetchedSamples:
    monkeypatch.setattr(fetched_samples, "_MOST_BYTES", 10)
    return FetchedSamples(load_settings(None, originals_folder=tmp_path))


def row(number: int | None, size: int | None = None) -> SimpleNamespace:
    place = None if number is None else FOLDER.value
    return SimpleNamespace(file_id=number, place=place, packed_bytes=size)


def test_as_many_as_fit_are_fetched_and_the_others_are_still_there(files, tmp_path):
    for number in (1, 2, 3):
        files.write(FOLDER, number, b"%d" % number * 5)
    assert files.fetch([row(1, 5), row(None), row(2, 5), row(3, 5)]) == 3
    for number in (1, 2):
        (tmp_path / str(number)).unlink()
    assert [files.read(FOLDER, number) for number in (1, 2, 3)] == [b"11111", b"22222", b"33333"]
    assert files.fetch([row(3, 5)]) == 1
    with pytest.raises(OriginalMissing):  # not held any longer
        files.read(FOLDER, 1)


def test_a_file_larger_than_what_fits_and_a_missing_one_hold_up_nobody(files):
    files.write(FOLDER, 1, b"x" * 50)
    assert files.fetch([row(1, 50), row(2, 5)]) == 1
    assert files.read(FOLDER, 1) == b"x" * 50
    assert files.fetch([row(2, 5), row(None)]) == 2
    with pytest.raises(OriginalMissing):
        files.read(FOLDER, 2)
    assert files.fetch([]) == 0
