"""Files are read in processes of their own, and come back in their order."""

import gzip
import io
import os
import signal
from multiprocessing import active_children
from zipfile import BadZipFile

import pytest

from jobs.imports import large_files, prepared_file
from jobs.imports.prepared_file import ReadingRules
from jobs.imports.reading_processes import FileToRead, ReaderLost, ReadingProcesses
from recordings import UnreadableFile
from tests.recordings.run import fit_file, gpx_file, run_of

pytestmark = pytest.mark.usefixtures("services_home")  # these fork
RULES = ReadingRules()


def read(*contents, most: int = 2) -> list:
    files = [FileToRead(number, f"{number}.fit", each) for number, each in enumerate(contents)]
    with ReadingProcesses(RULES, most) as readers:
        return [found for found in readers.read(files) if found is not None]


def streams(*sizes: int) -> list[io.BytesIO]:
    return [io.BytesIO(fit_file(run_of(size))) for size in sizes]


@pytest.mark.parametrize("most", [1, 3])
def test_they_come_in_order_whatever_takes_longer(most):
    sizes = (2000, 20, 30, 40, 50, 60, 70, 80, 90)
    found = read(*streams(*sizes), most=most)
    assert [number for number, _ in found] == list(range(9))
    assert [file.activities[0].streams.sample_count for _, file in found] == list(sizes)
    assert active_children() == []


class Breaking(io.BytesIO):
    """A stream that breaks after its first bytes."""

    def read(self, size=-1):
        if self.tell():
            raise BadZipFile("Bad CRC-32")
        return super().read(100)


def test_what_breaks_is_told_and_the_rest_is_read():
    problem = UnreadableFile("x", "it is encrypted.", "Pack it without a password.")
    first, second, third = read(problem, Breaking(b"x" * 999), *streams(30))
    assert first[1].message == "it is encrypted. Pack it without a password."
    assert second[1].message == "it cannot be read: Bad CRC-32"
    assert len(third[1].activities) == 1


def test_of_a_file_that_is_too_large_the_rest_is_passed_over():
    large = io.BytesIO(b" " * (128 * 2**20 + 2**19))
    first, second = read(large, *streams(30), most=1)
    assert "larger than 128 MB" in first[1].message
    assert len(second[1].activities) == 1


def test_large_files_are_read_one_at_a_time_each_by_a_process_of_its_own(monkeypatch, tmp_path):
    """Each reading is noted with its process, in the order of all, as the readers see it."""
    monkeypatch.setattr(large_files, "_LARGE_FIT", 10_000)
    notes = tmp_path / "notes"
    read_opened = prepared_file.read_opened

    def note(*words) -> None:
        with notes.open("a") as out:
            print(os.getpid(), *words, file=out)

    def noting(file, name):
        note("begins", file.size > 10_000)
        found = read_opened(file, name)
        note("ends", file.size > 10_000)
        return found

    monkeypatch.setattr(prepared_file, "read_opened", noting)
    sizes = (900, 30, 950, 40, 1000, 50)
    found = read(*streams(*sizes), most=3)
    assert [number for number, _ in found] == list(range(6))
    assert [file.activities[0].streams.sample_count for _, file in found] == list(sizes)
    large = [line.split()[:2] for line in notes.read_text().splitlines() if line.endswith("True")]
    assert [what for _, what in large] == ["begins", "ends"] * 3
    assert len({process for process, _ in large}) == 3
    assert active_children() == []


def test_a_large_file_that_waits_for_its_turn_does_not_hold_up_the_one_that_has_it(monkeypatch):
    """What follows the broken compression is more than a pipe holds, and so is what was found."""
    monkeypatch.setattr(large_files, "_LARGE_XML", 10_000)
    run = gpx_file(run_of(60))
    first = run + b"<!-- " + os.urandom(1 << 20).hex().encode() + b" -->"
    second = gzip.compress(run) + b"no gzip" * (1 << 18)
    files = [
        FileToRead(number, "x.gpx", io.BytesIO(each)) for number, each in enumerate((first, second))
    ]
    signal.signal(signal.SIGALRM, _fail)
    signal.alarm(20)
    try:
        with ReadingProcesses(ReadingRules(keeps_originals=True), 2) as readers:
            found = [each for each in readers.read(files) if each is not None]
    finally:
        signal.alarm(0)
    assert [len(file.activities) for _, file in found] == [1, 1]
    assert "ends early" in found[1][1].activities[0].said


def _fail(*_: object) -> None:
    raise TimeoutError


class Killing(io.BytesIO):
    """A stream that kills its reader when it is read."""

    def read(self, size=-1):
        for child in active_children():
            child.kill()
        return super().read(size)


def test_a_reader_that_dies_is_noticed_and_the_others_end():
    with pytest.raises(ReaderLost, match="file 1 has died"):
        read(*streams(30), Killing(gpx_file(run_of(60))), most=1)
    assert active_children() == []
