"""The files of uploads, archives and originals: brought back, and compared with their rows."""

import shutil
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

from db.original_codec import unpacked
from jobs.original_removals import remove_due
from jobs.orphan_files import FileSweep
from runtime.export_folder import ExportFolder
from runtime.original_folder import OriginalFolder
from runtime.upload_folder import UploadFolder
from settings import Settings
from tests.jobs.world import World

_FOLDERS = ("uploads", "exports", "originals")


class StoredFiles:
    """What is in the folders now."""

    def __init__(self, settings: Settings) -> None:
        self._home = settings.pacegraph_home
        self._found = {path: path.read_bytes() for path in self._paths()}

    def bring_back(self) -> None:
        """Leave in the folders what was there at first."""
        for each in _FOLDERS:
            shutil.rmtree(self._home / each, ignore_errors=True)
        for path, content in self._found.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    def _paths(self) -> list[Path]:
        return [path for each in _FOLDERS for path in (self._home / each).glob("*")]


def files_of(world: World) -> dict[str, list[str]]:
    """Get what each file holds, after a look for what is to be deleted; whatever their names are.

    A file that its row promises and that is not there is `gone`.
    """
    world.write("UPDATE original_removals SET due_at = now()")
    remove_due(world.settings, world.database)
    FileSweep(world.settings, world.database).run()
    uploads, exports, originals = (
        kind(world.settings) for kind in (UploadFolder, ExportFolder, OriginalFolder)
    )
    found = {
        "files of uploads": [_hash(path.read_bytes()) for path in _files(uploads)],
        "files of exports": [_names(path) for path in _files(exports)],
        "files of originals": [
            _hash(b"".join(unpacked(path.read_bytes()))) for path in _files(originals)
        ],
        "gone": [
            f"{folder_name} of {size} bytes"
            for folder_name, folder, rows in (
                ("upload", uploads, "SELECT id, received_bytes AS size FROM uploads"),
                ("export", exports, "SELECT id, size_bytes AS size FROM exports WHERE ready_at IS NOT NULL"),
                ("original", originals, "SELECT id, packed_bytes AS size FROM originals WHERE place = 'FOLDER'"),
            )
            for number, size in ((row["id"], row["size"]) for row in world.rows(rows))
            if size != _size(folder.path_of(number))
        ],
    }  # fmt: skip
    return {name: sorted(values) for name, values in found.items() if values}


def _files(folder: UploadFolder | ExportFolder | OriginalFolder) -> list[Path]:
    return [folder.path_of(number) for number in folder.ids()]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _names(path: Path) -> str:
    """The names in an archive that is whole."""
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return ", ".join(sorted(archive.namelist()))
