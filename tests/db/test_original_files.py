"""Several files are read side by side."""

from threading import Barrier

import pytest

from db.models import OriginalPlace
from db.original_files import REQUESTS_AT_ONCE, OriginalUnreachable, StoredOriginals
from settings import load_settings
from tests.patience import PATIENCE_S

FOLDER = OriginalPlace.FOLDER


@pytest.fixture
def settings(tmp_path):
    return load_settings(None, originals_folder=tmp_path)


def test_several_files_are_read_side_by_side_in_their_order(settings):
    together = Barrier(REQUESTS_AT_ONCE, timeout=PATIENCE_S)

    class Waiting(StoredOriginals):
        def read(self, place, number):
            together.wait()
            return super().read(place, number)

    files = Waiting(settings)
    numbers = range(2 * REQUESTS_AT_ONCE)
    for number in numbers:
        files.write(FOLDER, number, b"%d" % number)
    files.remove(FOLDER, 3)
    found = files.read_several([(FOLDER, number) for number in numbers])
    assert found == [None if number == 3 else b"%d" % number for number in numbers]
    assert files.read_several([]) == []


def test_a_place_that_cannot_be_used_is_no_missing_file(settings, tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(OriginalUnreachable):
        StoredOriginals(settings).read_several([(FOLDER, 1)])
