"""Finds the files of a path: itself, those of a folder, and those of ZIP archives in either.

Nothing is unpacked to disk under the name that an archive gives, and each file is read as a stream.
"""

import os
import stat
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from recordings.errors import FileTooLarge, NotARecording, RecordingError, UnreadableFile
from recordings.reader import SUFFIXES
from recordings.strava_list import NAME as LIST
from recordings.strava_list import ListedActivity, ListRoom, read_list
from recordings.zip_entries import BROKEN_ENTRY, ManyEntries

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_MOST_NESTED = 2
_MOST_FILES = 200_000
_MOST_BYTES = 200 * 2**30
"""What an archive may hold with those in it, unpacked, as they say themselves."""
_MOST_DIRECTORY_BYTES = 32 << 20
_OF_ENTRY = b"PK\x01\x02"
_MOST_INNER_BYTES = 20 * 2**30
_IN_MEMORY = 8 << 20
_BLOCK = 1 << 20
_MOST_LIST_BYTES = 256 << 20
_MOST_LISTS = 100
_IS_ENCRYPTED = 1  # bit of a ZIP entry's flags

Found = tuple[str, "BinaryIO | RecordingError"]
"""A file's name below the path, and its content; or why it is left out."""


@dataclass
class WalkNotes:
    """What a walk has learned so far.

    `files` is how many files the archives hold that were opened. `lists` are those of Strava's
    exports, by the path of their folder.
    """

    files: int = 0
    lists: dict[str, Mapping[str, ListedActivity]] = field(default_factory=dict)
    _room: ListRoom = field(default_factory=ListRoom)

    def listed(self, name: str) -> ListedActivity | None:
        """Get what a list tells of a file, or None."""
        for folder, listed in self.lists.items():
            if name.startswith(folder) and (found := listed.get(name[len(folder) :].lower())):
                return found
        return None

    def read_list(self, folder: str, source: BinaryIO) -> None:
        """Read a list, as far as all lists together have room in memory."""
        if len(self.lists) < _MOST_LISTS and (listed := read_list(source, self._room)):
            self.lists[folder] = listed


def files_of(
    path: Path, *, name: str | None = None, notes: WalkNotes | None = None
) -> Iterator[Found]:
    """Walk along the files of `path`, in order of their names; a stream ends with its turn.

    `name` is that of a single file, where it is not the path's own. A list of Strava's is in `notes`
    before the files that it names. Raises OSError if `path` itself cannot be read.
    """
    notes = notes or WalkNotes()
    if not path.is_dir():
        with path.open("rb") as source:
            yield from _file(source, name or path.name, notes)
        return
    with suppress(OSError), (path / LIST).open("rb") as source:
        notes.read_list("", source)
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in sorted(files):
            each = Path(folder, file)
            yield from _file_in_folder(each, each.relative_to(path).as_posix(), notes)


def _file_in_folder(path: Path, name: str, notes: WalkNotes) -> Iterator[Found]:
    if path.is_symlink() or not path.is_file():
        yield name, NotARecording(name, "it is a link, or no file.", "Copy the file itself.")
    elif name == LIST and "" in notes.lists:
        yield name, _list(name)
    elif _is_note(name):
        yield name, _note(name)
    elif not _may_be_recording(name) and not name.lower().endswith(".zip"):
        yield name, _other(name)
    else:
        try:
            source = path.open("rb")
        except OSError as error:
            yield name, UnreadableFile(name, f"it cannot be opened ({error.strerror}).", "")
            return
        with source:
            yield from _file(source, name, notes)


def _file(source: BinaryIO, name: str, notes: WalkNotes) -> Iterator[Found]:
    start = source.read(len(_ZIP[0]))
    source.seek(0)
    if start in _ZIP:
        yield from _ArchiveWalk(notes).archive(source, name, depth=1)
    else:
        yield name, source


class _ArchiveWalk:
    """The way through an archive and those in it."""

    def __init__(self, notes: WalkNotes) -> None:
        self._notes = notes
        self._files = self._bytes = 0

    def archive(self, source: BinaryIO, name: str, depth: int) -> Iterator[Found]:
        try:
            archive = _opened(source)
        except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
            again = "Download or export it again."
            yield name, UnreadableFile(name, f"its archive cannot be read ({error}).", again)
            return
        if archive is None:
            yield name, _too_much(name)
            return
        with archive:
            sizes = array("Q", (each.file_size for each in archive.entries()))
            files, unpacked = self._files + len(sizes), self._bytes + sum(sizes)
            if files > _MOST_FILES or unpacked > _MOST_BYTES:
                yield name, _too_much(name)
                return
            self._files, self._bytes = files, unpacked
            self._notes.files += len(sizes)
            self._read_list(archive, name)
            for entry in archive.entries():
                yield from self._entry(archive, entry, f"{name}/{_path_of(entry)}", depth)

    def _read_list(self, archive: ManyEntries, name: str) -> None:
        for entry in archive.entries():
            folder, _, file = f"{name}/{_path_of(entry)}".rpartition("/")
            if file == LIST and entry.file_size <= _MOST_LIST_BYTES:
                with suppress(*BROKEN_ENTRY), archive.open(entry) as source:
                    self._notes.read_list(f"{folder}/", cast("BinaryIO", source))

    def _entry(self, archive: ZipFile, entry: ZipInfo, name: str, depth: int) -> Iterator[Found]:
        problem = _problem(entry, name)
        if name.rpartition("/")[0] + "/" in self._notes.lists and name.endswith(f"/{LIST}"):
            problem = _list(name)
        if problem is not None:
            yield name, problem
            return
        if not name.lower().endswith(".zip"):
            try:
                source = archive.open(entry)
            except BROKEN_ENTRY as error:
                yield name, _not_unpacked(name, error)
                return
            with source:
                yield name, cast("BinaryIO", source)
        elif depth >= _MOST_NESTED:
            yield (
                name,
                NotARecording(name, "it is an archive in an archive in an archive.", "Unpack it."),
            )
        else:
            yield from self._inner_archive(archive, entry, name, depth)

    def _inner_archive(
        self, archive: ZipFile, entry: ZipInfo, name: str, depth: int
    ) -> Iterator[Found]:
        if entry.file_size > _MOST_INNER_BYTES:
            yield (
                name,
                FileTooLarge(name, "it is too large for an inner archive.", "Unpack it first."),
            )
            return
        with SpooledTemporaryFile(_IN_MEMORY) as copy:
            try:
                with archive.open(entry) as source:
                    while block := source.read(_BLOCK):
                        copy.write(block)
            except BROKEN_ENTRY as error:
                yield name, _not_unpacked(name, error)
                return
            copy.seek(0)
            yield from self.archive(cast("BinaryIO", copy), name, depth + 1)


class _Directory:
    """An archive's file, of which no larger directory is read than is allowed.

    ZipFile reads the directory as a whole, and makes an object of each entry.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.is_checked = self.is_too_large = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, size: int = -1, /) -> bytes:
        if not self.is_checked and size > _MOST_DIRECTORY_BYTES:
            self.is_too_large = True
            return b""
        found = self._source.read(size)
        if not self.is_checked and found.count(_OF_ENTRY) > _MOST_FILES:
            self.is_too_large = True
            return b""
        return found


def _opened(source: BinaryIO) -> ManyEntries | None:
    """Open an archive; None where it holds too much. Raises as ZipFile."""
    directory = _Directory(source)
    try:
        archive = ManyEntries(cast("BinaryIO", directory))
    except BadZipFile:
        if directory.is_too_large:
            return None
        raise
    directory.is_checked = True
    return archive


def _too_much(name: str) -> FileTooLarge:
    return FileTooLarge(name, "it holds too much.", "Split it into several archives.")


def _not_unpacked(name: str, error: Exception) -> UnreadableFile:
    return UnreadableFile(name, f"it cannot be unpacked ({error}).", "Unpack it first.")


def _problem(entry: ZipInfo, name: str) -> RecordingError | None:
    """Why an entry is left out, by what the archive says of it."""
    path = PurePosixPath(_path_of(entry))
    if path.is_absolute() or ".." in path.parts:
        return NotARecording(name, "its path leaves the archive.", "Pack it with a plain path.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return NotARecording(name, "it is a link.", "Pack the file itself.")
    if _is_note(name):
        return _note(name)
    if not _may_be_recording(entry.filename) and path.suffix.lower() != ".zip":
        return _other(name)
    if entry.flag_bits & _IS_ENCRYPTED:
        return UnreadableFile(name, "it is encrypted.", "Pack it without a password.")
    return None


def _path_of(entry: ZipInfo) -> str:
    """The path of an entry; some programs for Windows write it with backslashes."""
    return entry.filename.replace("\\", "/")


def _is_note(name: str) -> bool:
    return name.rpartition("/")[2].startswith("._")


def _note(name: str) -> RecordingError:
    return NotARecording(name, "it is a note of macOS on the file of the same name.", "")


def _may_be_recording(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _list(name: str) -> RecordingError:
    return NotARecording(
        name, "it is Strava's list: its names, sports, descriptions and gear are taken.", ""
    )


def _other(name: str) -> RecordingError:
    return NotARecording(
        name, "by its name it is no FIT, GPX or TCX file.", "Name it directly if it is one."
    )
