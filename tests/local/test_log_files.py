"""Log files: bounded, kept, and never a reason to fail."""

import pytest

from local.log_files import LogFile, LogLimits


def contents(folder) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_each_start_keeps_what_was_before(tmp_path):
    for run in range(4):
        log = LogFile(tmp_path / "api.log", LogLimits(kept=2))
        log.begin()
        log.write(f"run {run}\n".encode())
        log.close()
    assert contents(tmp_path) == {
        "api.log": "run 3\n",
        "api.log.1": "run 2\n",
        "api.log.2": "run 1\n",
    }


def test_an_empty_log_is_not_kept(tmp_path):
    for _ in range(2):
        LogFile(tmp_path / "api.log").begin()
    assert contents(tmp_path) == {"api.log": ""}


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_the_whole_is_bounded(tmp_path, kept):
    log = LogFile(tmp_path / "api.log", LogLimits(1000, kept))
    log.begin()
    for number in range(100):
        log.write(f"{number:99}\n".encode())
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert sizes == [1000] * (kept + 1)
    assert f"{99:99}" in (tmp_path / "api.log").read_text()


def test_what_cannot_be_written_is_counted_and_later_lines_are_written(tmp_path):
    folder = tmp_path / "logs"
    log = LogFile(folder / "api.log")
    log.begin()
    (folder / "api.log").unlink()
    folder.rmdir()
    folder.write_text("a file where the folder was")
    log.write(b"lost\n")
    assert log.lost_bytes == 5
    folder.unlink()
    log.write(b"written\n")
    assert contents(folder) == {"api.log": "written\n"}


def test_a_link_in_its_place_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    log = LogFile(tmp_path / "logs" / "api.log")
    log.begin()
    log.path.unlink()
    log.path.symlink_to(victim)
    log.write(b"line\n")
    assert victim.read_text() == "untouched"
    assert log.lost_bytes == 5
