"""Originals that are in S3, copied to a backup and back to a bucket."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Connection

from db.models import MovedSamples, OriginalPlace, OriginalRemoval
from db.original_files import OriginalMissing, OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.statements.files import original
from db.statements.files import original_removal as removals
from db.statements.server import backup as statements
from operator_commands.backups.errors import BackupError, RestoreRefused
from settings import Settings
from settings.originals import OF_S3

_AT_ONCE = 8
"""Requests at once; each has a file of at most 16 MB in memory."""
_NEEDED = "ORIGINALS_S3_BUCKET, ORIGINALS_S3_ACCESS_KEY and ORIGINALS_S3_SECRET_KEY"
_LONGEST_RESTORE_S = 7 * 86_400.0
_GRACE_S = 3_600.0
"""As files of a folder stay that have no row."""


def check_access(settings: Settings, numbers: Collection[int]) -> None:
    """Check that the objects of originals can be asked for. Raises BackupError."""
    if numbers and not _is_set(settings):
        raise BackupError(
            f"{len(numbers)} originals are in S3. Set {_NEEDED}, or leave them out: --without-s3"
        )


def copy_bucket(settings: Settings, numbers: Collection[int], to: Path) -> int:
    """Copy the objects of originals; returns how many are not there.

    Those of an erasure meanwhile are not. Raises BackupError, OSError.
    """
    to.mkdir(mode=0o700)
    files = StoredOriginals(settings)

    def copy(number: int) -> bool:
        try:
            (to / str(number)).write_bytes(files.read(OriginalPlace.S3, number))
        except OriginalMissing:
            return False
        return True

    try:
        return len(numbers) - _count(copy, numbers)
    except OriginalUnreachable as error:
        raise BackupError(f"{error}. Try again, or leave them out: --without-s3") from None


def check_bucket(settings: Settings, source: Path) -> None:
    """Check that a backup's objects have a bucket to go to. Raises RestoreRefused."""
    if _numbers(source) and not _is_set(settings):
        raise RestoreRefused(f"the backup has originals of S3. Set {_NEEDED}")


def put_in_bucket(settings: Settings, database: SyncDatabase, source: Path) -> None:
    """Put a backup's objects where rows that are restored afterwards look for them.

    The database that is there now notes them for removal, so that none is forgotten if it stays.
    Raises BackupError, DatabaseError, OSError.
    """
    numbers = _numbers(source)
    if not numbers:
        return
    with database.write() as connection:
        if _knows_s3(connection):
            _announce(connection, numbers, _LONGEST_RESTORE_S)
    files = StoredOriginals(settings)

    def put(number: int) -> bool:
        files.write(OriginalPlace.S3, number, (source / str(number)).read_bytes())
        return True

    try:
        _count(put, numbers)
    except OriginalUnreachable as error:
        raise BackupError(f"the originals cannot be put in the bucket: {error}") from None


def in_bucket(database: SyncDatabase) -> list[int]:
    """Find the ids of the originals in S3 that a restore is about to replace."""
    with database.read() as connection:
        return list(files_at(connection, OriginalPlace.S3)) if _knows_s3(connection) else []


def files_at(connection: Connection, place: OriginalPlace) -> set[int]:
    """Find the numbers of all files at a place, also in a database of an earlier version."""
    has_samples = _has_table(connection, MovedSamples.__tablename__)
    statement = original.at(with_samples=has_samples)
    return set(connection.execute(statement, {"at_place": place.value}).scalars())


def forget_replaced(settings: Settings, replaced: Collection[int]) -> None:
    """Note for removal the objects of originals that are no more, after a restore."""
    if not replaced:
        return
    database = SyncDatabase(settings, application_name="pacegraph restore")
    try:
        with database.write() as connection:
            found = connection.execute(original.existing(), {"originals": list(replaced)})
            _announce(connection, set(replaced).difference(found.scalars()), _GRACE_S)
    finally:
        database.close()


def _knows_s3(connection: Connection) -> bool:
    """Whether there are tables, of a version that has originals in S3."""
    return _has_table(connection, OriginalRemoval.__tablename__)


def _has_table(connection: Connection, name: str) -> bool:
    return name in connection.execute(statements.table_names()).scalars().all()


def _announce(connection: Connection, numbers: Collection[int], wait_s: float) -> None:
    values = {"originals": list(numbers), "at_place": OriginalPlace.S3.value, "wait_s": wait_s}
    connection.execute(removals.announce(), values)


def _numbers(source: Path) -> list[int]:
    return [int(each.name) for each in source.iterdir()] if source.is_dir() else []


def _is_set(settings: Settings) -> bool:
    return all(getattr(settings, name) is not None for name in OF_S3)


def _count(do: Callable[[int], bool], numbers: Collection[int]) -> int:
    """Do something with each, some at once; returns how often it could be done."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return sum(threads.map(do, numbers))
