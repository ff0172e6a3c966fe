"""Files that belong to rows."""

import os
import time

from runtime.row_folder import RowFolder


def test_a_file_that_is_gone_is_no_error(tmp_path):
    folder = RowFolder(tmp_path / "uploads")
    assert list(folder.ids()) == []
    assert folder.age_s(1) == 0
    folder.remove(1)
    folder.destroy(1)


def test_files_are_found_by_their_rows_and_age(tmp_path):
    folder = RowFolder(tmp_path / "uploads")
    folder.make()
    for name in ("7", "12", "12.part", "x", "\u0663"):
        (tmp_path / "uploads" / name).write_bytes(b"a")
    assert sorted(folder.ids()) == [7, 12]
    an_hour_ago = time.time() - 3600
    os.utime(folder.path_of(7), (an_hour_ago, an_hour_ago))
    assert 3600 <= folder.age_s(7) < 3660


def test_who_has_a_destroyed_file_open_reads_no_more_of_it(tmp_path):
    folder = RowFolder(tmp_path)
    folder.path_of(7).write_bytes(b"positions")
    with folder.path_of(7).open("rb") as opened:
        folder.destroy(7)
        assert opened.read() == b""
    assert list(folder.ids()) == []
