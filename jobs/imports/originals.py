"""Keeps the files that activities were read from, as they came, where ORIGINALS says."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from sqlalchemy import Connection

from db.models import OriginalPlace
from db.statements import original as statements
from db.statements.new_rows import new_ids
from jobs.imports.packed_file import PackedFile
from jobs.imports.prepared_file import PreparedFile
from jobs.imports.rules import RULES_VERSION
from runtime.original_folder import OriginalFolder
from settings import Settings

_GZIP = ".gz"
_TOO_LARGE = "it is too large to be kept"
_FULL = (
    "the athlete's originals take as much room as they may (ORIGINALS_MAX_BYTES); delete some with "
    "`deleteOriginal`"
)

logger = logging.getLogger(__name__)


class Originals:
    """Writes originals, in the transactions that write what was read from them."""

    def __init__(self, settings: Settings) -> None:
        self._most_bytes = settings.originals_max_bytes
        self._place = OriginalPlace(settings.originals.upper())
        self._folder = OriginalFolder(settings)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Originals | None":
        """Make one; None with ORIGINALS=off."""
        return None if settings.originals == "off" else cls(settings)

    def keep(
        self, connection: Connection, athlete_id: int, files: Iterable[PreparedFile]
    ) -> Mapping[bytes, str]:
        """Keep those of `files` that are not kept yet; tells why others are not, by digest.

        The athlete's row is locked.
        """
        found = {each.digest: each for each in files if each.digest and each.original}
        if not found:
            return {}
        values = {"athlete": athlete_id, "digests": list(found)}
        for digest in connection.execute(statements.kept(), values).scalars():
            del found[digest]
        taken = connection.execute(statements.room_taken(), values).scalar_one()
        problems = {}
        for digest, each in found.items():
            assert each.original is not None
            taken += each.original.packed_bytes
            problem = self._keep(connection, athlete_id, each, each.original, taken)
            if problem is not None:
                problems[digest] = problem
                taken -= each.original.packed_bytes
        return problems

    def _keep(
        self,
        connection: Connection,
        athlete_id: int,
        file: PreparedFile,
        original: PackedFile,
        taken: int,
    ) -> str | None:
        if original.packed is None:
            return _TOO_LARGE
        if taken > self._most_bytes:
            return _FULL
        number = connection.execute(new_ids(), {"count": 1}).scalar_one()
        in_folder = self._place is OriginalPlace.FOLDER
        if in_folder:
            try:
                self._folder.write(number, original.packed)
            except OSError as error:
                logger.warning("an original cannot be kept", extra={"error": str(error)})
                return f"it cannot be written to ORIGINALS_FOLDER ({error.strerror})"
        values = {
            "original": number,
            "athlete": athlete_id,
            "digest": file.digest,
            "file_name": _name_of(file.name),
            "size_bytes": original.size,
            "packed_bytes": len(original.packed),
            "place": self._place.value,
            "content": None if in_folder else original.packed,
            "listed": asdict(file.listed) if file.listed else None,
            "rules_version": RULES_VERSION,
        }
        connection.execute(statements.keep(), values)
        return None


def _name_of(path: str) -> str:
    """Take the file's own name, of what was in a gzip file."""
    name = path.replace("\\", "/").rpartition("/")[2]
    if name.lower().endswith(_GZIP):
        name = name[: -len(_GZIP)]
    return name or "recording"
