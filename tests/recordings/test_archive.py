"""Files of folders and archives: each is found, and what cannot be read is named."""

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from recordings import RecordingError, archive
from recordings.archive import WalkNotes, files_of
from recordings.zip_entries import BROKEN_ENTRY, ManyEntries


def found(path: Path) -> dict[str, bytes | str]:
    """The content of each file, or why it is left out."""
    return {
        name: f"{type(each).__name__}: {each.problem}"
        if isinstance(each, RecordingError)
        else each.read()
        for name, each in files_of(path)
    }


def zipped(files: dict[str | ZipInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_a_file_is_itself_whatever_its_name(tmp_path):
    file = tmp_path / "watch.dat"
    file.write_bytes(b"content")
    assert found(file) == {"watch.dat": b"content"}


def test_folders_are_walked_in_order(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.GPX").write_bytes(b"2")
    (tmp_path / "b" / "1.fit.gz").write_bytes(b"1")
    (tmp_path / "notes.txt").write_bytes(b"no")
    (tmp_path / "link.fit").symlink_to(tmp_path / "b" / "2.GPX")
    assert found(tmp_path) == {
        "link.fit": "NotARecording: it is a link, or no file.",
        "notes.txt": "NotARecording: by its name it is no FIT, GPX or TCX file.",
        "b/1.fit.gz": b"1",
        "b/2.GPX": b"2",
    }


def test_archives_are_read_two_deep(tmp_path):
    third = zipped({"c.tcx": b"c"})
    second = zipped({"b.gpx": b"b", "third.zip": third})
    file = tmp_path / "export.zip"
    file.write_bytes(zipped({"a.fit": b"a", "parts/second.ZIP": second, "list.csv": b"x"}))
    assert found(file) == {
        "export.zip/a.fit": b"a",
        "export.zip/parts/second.ZIP/b.gpx": b"b",
        "export.zip/parts/second.ZIP/third.zip": "NotARecording: it is an archive in an archive in "
        "an archive.",
        "export.zip/list.csv": "NotARecording: by its name it is no FIT, GPX or TCX file.",
    }


def test_odd_entries_are_named_and_the_others_read(tmp_path):
    link = ZipInfo("link.fit")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = tmp_path / "odd.zip"
    file.write_bytes(
        zipped(
            {"../out.fit": b"o", "/root.fit": b"r", link: b"a.fit", "bad.zip": b"no", "a.fit": b"a"}
        )
    )
    told = found(file)
    assert told.pop("odd.zip/a.fit") == b"a"
    assert told.pop("odd.zip/bad.zip").startswith("UnreadableFile: its archive cannot be read")
    assert set(told.values()) == {
        "NotARecording: its path leaves the archive.",
        "NotARecording: it is a link.",
    }
    assert len(told) == 3


def damaged(name: str, method: int, spoil: Callable[[bytearray], None]) -> bytes:
    """An archive with a damaged first entry, and a whole one after it."""
    target = io.BytesIO()
    with ZipFile(target, "w", method) as archive:
        archive.writestr(name, zipped({"in.gpx": b"i"}))
        archive.writestr("a.fit", b"a")
    content = bytearray(target.getvalue())
    spoil(content)
    return bytes(content)


def spoil_name(content: bytearray) -> None:
    content[30] = 0xFF  # of the entry itself, not of the directory


def spoil_data(content: bytearray) -> None:
    content[40:48] = b"\xff" * 8


def move(content: bytearray) -> None:
    """Have the directory tell a place beyond any file's end, in 64 bits."""
    end = content.rfind(b"PK\5\6")
    begun = int.from_bytes(content[end + 16 : end + 20], "little")
    behind_name = begun + 46 + content[begun + 28]
    content[begun + 42 : begun + 46] = b"\xff" * 4
    content[begun + 30] = 12
    content[end + 12] += 12
    content[behind_name:behind_name] = struct.pack("<HHQ", 1, 8, 2**63 + 5)


@pytest.mark.parametrize("name", ["ö.zip", "ö.gpx", "activities.csv"])
@pytest.mark.parametrize(
    ("method", "spoil"),
    [
        (zipfile.ZIP_STORED, spoil_name),
        (zipfile.ZIP_STORED, move),
        (zipfile.ZIP_DEFLATED, spoil_data),
        (zipfile.ZIP_BZIP2, spoil_data),
        (zipfile.ZIP_LZMA, spoil_data),
    ],
)
def test_a_damaged_entry_costs_no_other(tmp_path, name, method, spoil):
    file = tmp_path / "damaged.zip"
    file.write_bytes(damaged(name, method, spoil))
    told = {}
    for each, content in files_of(file):
        if isinstance(content, RecordingError):
            told[each] = content.problem
        else:
            with suppress(*BROKEN_ENTRY):
                told[each] = content.read()
    assert told.pop("damaged.zip/a.fit") == b"a"
    assert told.keys() <= {f"damaged.zip/{name}"}


def test_an_entry_without_a_name_is_left_out(tmp_path):
    file = tmp_path / "nameless.zip"
    file.write_bytes(zipped({"some.gpx": b"s", "a.fit": b"a"}).replace(b"some", b"\0ome"))
    told = found(file)
    assert told.pop("nameless.zip/a.fit") == b"a"
    assert list(told.values()) == ["NotARecording: by its name it is no FIT, GPX or TCX file."]


def test_notes_of_macos_are_left_out(tmp_path):
    """Finder packs one beside each file that has attributes; on disks of others they are files."""
    file = tmp_path / "mac.zip"
    file.write_bytes(zipped({"a.fit": b"a", "__MACOSX/._a.fit": b"note", "__MACOSX/._b.zip": b"n"}))
    (tmp_path / "._c.gpx").write_bytes(b"note")
    told = found(tmp_path)
    assert told.pop("mac.zip/a.fit") == b"a"
    assert len(told) == 3
    assert set(told.values()) == {
        "NotARecording: it is a note of macOS on the file of the same name."
    }


def test_paths_with_backslashes_are_paths(tmp_path):
    rows = b"1,,Run,Run,,Shoes,activities/1.fit"
    file = tmp_path / "windows.zip"
    file.write_bytes(
        zipped(
            {"activities\\1.fit": b"a", "x\\..\\..\\b.fit": b"b", "activities.csv": b"id\n" + rows}
        )
    )
    notes = WalkNotes()
    told = dict(files_of(file, notes=notes))
    assert notes.listed("windows.zip/activities/1.fit").gear == "Shoes"
    assert not isinstance(told["windows.zip/activities/1.fit"], RecordingError)
    assert told["windows.zip/x/../../b.fit"].problem == "its path leaves the archive."


def test_an_encrypted_entry_is_named(tmp_path):
    data = bytearray(zipped({"a.fit": b"secret", "b.fit": b"plain"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    file = tmp_path / "closed.zip"
    file.write_bytes(data)
    assert found(file) == {
        "closed.zip/a.fit": "UnreadableFile: it is encrypted.",
        "closed.zip/b.fit": b"plain",
    }


def test_an_archive_that_ends_early_is_named(tmp_path):
    file = tmp_path / "half.zip"
    file.write_bytes(zipped({"a.fit": b"a" * 1000})[:-40])
    [(name, problem)] = found(file).items()
    assert name == "half.zip"
    assert "cannot be read" in problem


def test_archives_in_one_hold_no_more_together_than_one_may(tmp_path, monkeypatch):
    parts = {f"{n}.zip": zipped({f"{k}.fit": b"12345" for k in range(3)}) for n in "ab"}
    file = tmp_path / "export.zip"
    file.write_bytes(zipped({**parts, "c.fit": b"c"}))
    too_much = "FileTooLarge: it holds too much."
    most = {"_MOST_FILES": 7, "_MOST_BYTES": sum(map(len, parts.values())) + 1 + 20}
    for name, value in most.items():
        with monkeypatch.context() as patched:
            patched.setattr(archive, name, value)
            told = found(file)
        assert told.pop("export.zip/b.zip") == too_much
        assert told.pop("export.zip/c.fit") == b"c"
        assert list(told) == [f"export.zip/a.zip/{each}.fit" for each in range(3)]


def test_a_directory_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    file = tmp_path / "many.zip"
    file.write_bytes(zipped({f"{n}.fit": b"" for n in range(50)}))
    for name, value in {"_MOST_FILES": 49, "_MOST_DIRECTORY_BYTES": 2_000}.items():
        with monkeypatch.context() as patched:
            patched.setattr(archive, name, value)
            patched.setattr(zipfile, "ZipInfo", None)  # which it makes of each entry
            assert found(file) == {"many.zip": "FileTooLarge: it holds too much."}


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        found(tmp_path / "absent")


def test_a_file_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.fit").write_bytes(b"a")
    (tmp_path / "b.fit").write_bytes(b"b")
    open_ = Path.open

    def opened(path: Path, mode: str) -> object:
        if path.name == "a.fit":  # root may open any file
            raise PermissionError(13, "Permission denied")
        return open_(path, mode)

    monkeypatch.setattr(Path, "open", opened)
    assert found(tmp_path) == {
        "a.fit": "UnreadableFile: it cannot be opened (Permission denied).",
        "b.fit": b"b",
    }


@pytest.mark.parametrize("name", ["a.fit", "inner.zip"])
def test_an_entry_of_a_method_that_is_not_known_is_named(tmp_path, name):
    data = bytearray(zipped({name: b"packed", "b.fit": b"plain"}))
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(magic) + offset] = 99
    file = tmp_path / "odd.zip"
    file.write_bytes(data)
    told = found(file)
    assert told.pop("odd.zip/b.fit") == b"plain"
    assert told.pop(f"odd.zip/{name}").startswith("UnreadableFile: it cannot be unpacked (")
    assert told == {}


def test_an_inner_archive_that_is_too_large_is_named(tmp_path, monkeypatch):
    file = tmp_path / "export.zip"
    file.write_bytes(zipped({"inner.zip": zipped({"a.fit": b"a"}), "b.fit": b"b"}))
    monkeypatch.setattr(archive, "_MOST_INNER_BYTES", 10)
    assert found(file) == {
        "export.zip/inner.zip": "FileTooLarge: it is too large for an inner archive.",
        "export.zip/b.fit": b"b",
    }


def test_entries_are_as_zipfile_tells_them(tmp_path):
    """Each as its turn comes: also with odd names, sizes and ways of packing."""
    names = ["a.fit", "folder/", "ä/ö 日本.gpx", "a.fit", "x\x00y.tcx", "cp\x81.fit"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name stands there twice
        with ZipFile(tmp_path / "odd.zip", "w") as made:
            for number, name in enumerate(names):
                how = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
                made.writestr(name, b"" if name.endswith("/") else name.encode() * 40, how)
    path = tmp_path / "odd.zip"
    with ZipFile(path) as whole, ManyEntries(path) as many:
        expected = [each for each in whole.infolist() if not each.is_dir()]
        found = list(many.entries())
        assert len(found) == len(expected) == 5
        for one, other in zip(found, expected, strict=True):
            for fact in ("filename", "orig_filename", "file_size", "CRC", "external_attr"):
                assert getattr(one, fact) == getattr(other, fact)
            assert many.open(one).read() == whole.open(other).read()


def test_an_archive_of_many_files_takes_little_memory(tmp_path):
    path = tmp_path / "many.zip"
    with ZipFile(path, "w") as made:
        for number in range(20_000):
            made.writestr(f"activities/{10**10 + number}.fit.gz", b"")
    tracemalloc.start()
    try:
        with ManyEntries(path) as many:
            _, most = tracemalloc.get_traced_memory()
            assert sum(1 for _ in many.entries()) == 20_000
    finally:
        tracemalloc.stop()
    assert most < 20_000 * 300  # ZipFile itself: 600 each, and more while it reads
