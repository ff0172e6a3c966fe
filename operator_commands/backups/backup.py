"""`pacegraph backup`: writes a folder with all that is stored, while the server runs."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from alembic.migration import MigrationContext
from sqlalchemy import Connection

from db.models import OriginalPlace
from db.session import SyncDatabase
from db.statements.server import backup as statements
from db.statements.server import table
from logs import our_version
from operator_commands.backups import manifest as form
from operator_commands.backups.bucket import check_access, copy_bucket, files_at
from operator_commands.backups.errors import BackupError
from operator_commands.backups.manifest import BackupManifest, fingerprints
from operator_commands.backups.originals import copy_all
from operator_commands.backups.postgres_programs import STATISTICS_SINCE, PostgresPrograms
from operator_commands.backups.progress import Progress, show
from operator_commands.stored_tokens import examine
from runtime.original_folder import OriginalFolder
from settings import Settings

_LOCK_WAIT = "--lock-wait-timeout=60000"
_MARK = "dumping contents of table "


def unbounded(settings: Settings) -> Settings:
    """Make settings without limits of time, for work on the whole database."""
    no_limits = {"database_statement_timeout_ms": 0, "database_idle_transaction_timeout_ms": 0}
    return settings.model_copy(update=no_limits)


def back_up(
    settings: Settings,
    to: Path,
    *,
    programs: Path,
    jobs: int,
    kept_files: Sequence[Path] = (),
    without_s3: bool = False,
) -> BackupManifest:
    """Write the backup beside `to` and name it so when it is whole.

    `kept_files` are files of the home that belong to it. With `without_s3` originals in S3 are not
    copied. Raises BackupError, DatabaseError, InvalidSettings.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BackupError(f"{to}: exists. Name a folder that does not")
    try:
        unfinished = Path(mkdtemp(prefix=f".{to.name}.", dir=to.parent))
        try:
            manifest, places = _write_database(
                settings, unfinished, programs, jobs, without_s3=without_s3
            )
            _write_originals(settings, unfinished, manifest, places)
            _write_home(unfinished, kept_files)
            show("checksums")
            manifest.add_files(unfinished)
            manifest.write(unfinished)
            unfinished.rename(to)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    except OSError as error:
        raise BackupError(f"{to}: cannot be written ({error.strerror})") from None
    return manifest


def _write_database(
    settings: Settings, to: Path, programs: Path, jobs: int, *, without_s3: bool
) -> tuple[BackupManifest, dict[OriginalPlace, set[int]]]:
    """Dump the rows; tells the originals of that moment whose files belong to the backup."""
    database = SyncDatabase(unbounded(settings), application_name="pacegraph backup")
    postgres = PostgresPrograms(programs, settings)
    try:
        with database.read() as shared:
            connection = shared.execution_options(isolation_level="REPEATABLE READ")
            snapshot = connection.execute(statements.export_snapshot()).scalar_one()
            manifest = _describe(connection, settings)
            programs_version = postgres.version()
            _check_version(manifest.postgres // 10_000, programs_version)
            statistics = ["--statistics"] if programs_version >= STATISTICS_SINCE else []
            outside = (OriginalPlace.FOLDER, OriginalPlace.S3)
            places = {place: files_at(connection, place) for place in outside}
            if without_s3:
                manifest.originals_in_s3 = len(places[OriginalPlace.S3])
                places[OriginalPlace.S3] = set()
            check_access(settings, places[OriginalPlace.S3])
            progress = Progress(_MARK, len(manifest.rows))
            postgres.connect(
                "pg_dump",
                [
                    "--format=directory", f"--file={to / form.DATABASE}", f"--jobs={jobs}", "--verbose",
                    f"--schema={statements.SCHEMA}", f"--snapshot={snapshot}", _LOCK_WAIT,
                    "--no-owner", "--no-privileges", *statistics,
                ],
                progress.see,
            )  # fmt: skip
    finally:
        database.close()
    return manifest, places


def _write_originals(
    settings: Settings,
    to: Path,
    manifest: BackupManifest,
    places: Mapping[OriginalPlace, set[int]],
) -> None:
    """Copy files, as far as they are still there."""
    show("originals")
    copy_all(OriginalFolder(settings), to / form.ORIGINALS)
    kept = {int(each.name) for each in (to / form.ORIGINALS).iterdir()}
    numbers = places[OriginalPlace.FOLDER]
    manifest.missing_originals = len(numbers - kept)
    for extra in kept - numbers:  # of rows after the snapshot
        (to / form.ORIGINALS / str(extra)).unlink()
    in_s3 = places[OriginalPlace.S3]
    manifest.missing_in_s3 = copy_bucket(settings, in_s3, to / form.BUCKET)


def _write_home(to: Path, kept_files: Sequence[Path]) -> None:
    (to / form.HOME).mkdir(mode=0o700)
    for each in kept_files:
        if each.exists():
            shutil.copyfile(each, to / form.HOME / each.name)


def _describe(connection: Connection, settings: Settings) -> BackupManifest:
    heads = MigrationContext.configure(connection).get_current_heads()
    if not heads:
        raise BackupError("the database has no tables of pacegraph: there is nothing to back up")
    names = connection.execute(statements.table_names()).scalars().all()
    stored = examine(connection, settings.token_encryption_keys)
    needed = {number for number in (stored.newest, stored.oldest) if number is not None}
    prints = fingerprints(settings.token_encryption_keys)
    return BackupManifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        pacegraph=our_version(),
        postgres=connection.execute(statements.server_version()).scalar_one(),
        migration=heads[0],
        keys=[prints[number - 1] for number in sorted(needed)],
        extensions=list(connection.execute(statements.extensions()).scalars()),
        rows={
            name: connection.execute(table.count_rows(name)).scalar_one()
            for name in names
        },
    )  # fmt: skip


def _check_version(server: int, programs: int) -> None:
    if programs < server:
        raise BackupError(
            f"pg_dump of version {programs} cannot read PostgreSQL {server}. Name the folder of "
            f"programs of version {server} or newer: --programs FOLDER"
        )
