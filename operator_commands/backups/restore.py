"""`pacegraph restore`: puts a backup in the place of an empty or an old database.

The old one stays beside, in a schema of another name, until the new one is whole. So whatever
fails, or is interrupted, leaves it as it was. Until then the new one tells no migration, so that
neither `pacegraph run` nor `migrate` nor `doctor` takes it for one that may be used.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from db.errors import DatabaseError
from db.session import SyncDatabase
from db.statements.server import backup as statements
from db.statements.server import table
from jobs.cached_answers import forget_cached_answers
from jobs.enqueue import forget_queued
from logs import tell
from operator_commands.backups import manifest as form
from operator_commands.backups.backup import unbounded
from operator_commands.backups.bucket import (
    check_bucket,
    forget_replaced,
    in_bucket,
    put_in_bucket,
)
from operator_commands.backups.errors import BackupError, BackupUnusable, RestoreRefused
from operator_commands.backups.manifest import BackupManifest, fingerprints
from operator_commands.backups.originals import put_in_place, staged
from operator_commands.backups.postgres_programs import STATISTICS_SINCE, PostgresPrograms
from operator_commands.backups.progress import Progress, show
from operator_commands.migrations import upgrade
from operator_commands.partition_tables import give_up
from operator_commands.revisions import SCRIPTS, newest_revision
from operator_commands.stored_tokens import forget_unreadable
from runtime.original_folder import OriginalFolder
from runtime.redis_clients import redis_client
from settings import Settings

_MARK = "processing data for table "
_VERSIONS = "alembic_version"
_LEFT_OUT = re.compile(
    r"\d+; \d+ \d+ (SCHEMA|COMMENT - SCHEMA|EXTENSION|COMMENT - EXTENSION"
    rf"|TABLE DATA {statements.SCHEMA} {_VERSIONS}) "
)


class Restore:
    """One restore of the backup in a folder."""

    def __init__(self, settings: Settings, source: Path, *, programs: Path, jobs: int) -> None:
        """Prepare it. Nothing is touched before `run`. Raises BackupUnusable, InvalidSettings."""
        self._settings, self._source, self._jobs = settings, source, jobs
        self.manifest = BackupManifest.from_folder(source)
        self._postgres = PostgresPrograms(programs, settings)
        self._database = SyncDatabase(unbounded(settings), application_name="pacegraph restore")

    def run(self, *, replaces: bool, forgets_connections: bool) -> None:
        """Check everything, then restore. Raises BackupError and DatabaseError.

        With `replaces` the database need not be empty. With `forgets_connections` athletes whose
        tokens no key decrypts connect again.
        """
        try:
            show("checksums")
            self.manifest.check_files(self._source)
            self._check_migration()
            if not forgets_connections:
                self._check_keys()
            self._check_database(replaces=replaces)
            options = self._check_version()
            bucket = self._source / form.BUCKET
            check_bucket(self._settings, bucket)
            replaced = in_bucket(self._database)
            show("originals")
            put_in_bucket(self._settings, self._database, bucket)
            folder = OriginalFolder(self._settings)
            with staged(self._source / form.ORIGINALS, folder) as originals:
                self._replace_all(originals, folder, options)
            self._forget_old()
            self._analyze()
        except OSError as error:
            raise BackupError(f"the originals cannot be written ({error})") from None
        finally:
            self._database.close()
        if self.manifest.migration != newest_revision():
            give_up(self._settings)  # no migration runs while tables are on their way
        upgrade(self._settings)
        forget_replaced(self._settings, replaced)
        if forgets_connections:
            forget_unreadable(self._settings)
        self._empty_redis()

    # --- what is checked before

    def _check_migration(self) -> None:
        try:
            ScriptDirectory(str(SCRIPTS)).get_revision(self.manifest.migration)
        except CommandError:
            raise BackupUnusable(
                f"{self._source}: has migration {self.manifest.migration}, which this pacegraph "
                f"does not know. Restore it with pacegraph {self.manifest.pacegraph} or newer"
            ) from None

    def _check_keys(self) -> None:
        there = fingerprints(self._settings.token_encryption_keys)
        if missing := [each for each in self.manifest.keys if each not in there]:
            raise RestoreRefused(
                f"TOKEN_ENCRYPTION_KEYS: lacks the key with the fingerprint {missing[0]}, which "
                "encrypted the backup's Strava tokens. Put it back. If it is lost, "
                "athletes have to "
                "connect again: --forget-connections"
            )

    def _check_database(self, *, replaces: bool) -> None:
        with self._database.read() as connection:
            others = connection.execute(statements.other_processes()).scalars().all()
            is_interrupted, is_left = (
                connection.execute(statements.is_there(schema)).scalar_one()
                for schema in (statements.SET_ASIDE, statements.REPLACED)
            )
        if others:
            raise RestoreRefused(f"{', '.join(others)} uses the database. Stop it first")
        if is_interrupted:
            tell("an earlier restore did not end: the database is put back as it was before it")
            self._put_back()
        if is_left:
            tell("an earlier restore did not drop what it had replaced: that is done now")
            self._forget_old()
        with self._database.read() as connection:
            names = connection.execute(statements.table_names()).scalars().all()
            filled = [n for n in names if connection.execute(table.count_rows(n)).scalar_one()]
        if filled and not replaces:
            raise RestoreRefused(
                f"the database is not empty: there are rows in {', '.join(filled[:5])}. "
                "Restore into "
                "another one, or let the backup take its place: --replace"
            )

    def _check_version(self) -> list[str]:
        """Give the options by which these programs restore statistics, as far as this server can."""
        with self._database.read() as connection:
            now = connection.execute(statements.server_version()).scalar_one() // 10_000
        was, programs = self.manifest.postgres // 10_000, self._postgres.version()
        if now < was:
            raise RestoreRefused(
                f"the backup is of PostgreSQL {was}, and this is {now}. Restore it into "
                f"{was} or newer"
            )
        if programs < was:
            raise RestoreRefused(
                f"pg_restore of version {programs} cannot read a backup of PostgreSQL {was}. Name "
                "the folder of newer programs: --programs FOLDER"
            )
        if programs < STATISTICS_SINCE:
            return []
        return ["--statistics" if now >= STATISTICS_SINCE else "--no-statistics"]

    # --- the rows

    def _replace_all(
        self, originals: Path | None, folder: OriginalFolder, options: list[str]
    ) -> None:
        self._set_aside()
        try:
            self._make_extensions()
            self._fill(options)
            self._compare_rows()
            put_in_place(originals, folder)
            with self._database.write() as connection:
                for statement in statements.take_place(self.manifest.migration):
                    connection.execute(statement)
        except BaseException:
            show("putting back what was there")
            self._put_back()
            raise

    def _set_aside(self) -> None:
        with self._database.write() as connection:
            names = list(connection.execute(statements.extensions()).scalars())
            for statement in statements.set_aside(names):
                connection.execute(statement)

    def _put_back(self) -> None:
        with self._database.write() as connection:
            names = list(connection.execute(statements.extensions()).scalars())
            for statement in statements.put_back(names):
                connection.execute(statement)

    def _forget_old(self) -> None:
        with self._database.write() as connection:
            connection.execute(statements.forget_old())

    def _analyze(self) -> None:
        """Gather the statistics that the backup lacks, as those of versions before 18 do."""
        show("statistics")
        with self._database.read() as connection:
            names = connection.execute(statements.without_statistics()).scalars().all()
        for name in names:
            if self.manifest.rows.get(name):
                with self._database.write() as connection:
                    connection.execute(statements.analyze(name))

    def _make_extensions(self) -> None:
        for name in self.manifest.extensions:
            try:
                with self._database.write() as connection:
                    connection.execute(statements.make_extension(name))
            except (DatabaseError, DBAPIError) as error:
                raise RestoreRefused(
                    f"the extension {name} cannot be created ({error}). Let an administrator run "
                    f"CREATE EXTENSION {name}"
                ) from None

    def _fill(self, options: list[str]) -> None:
        archive = str(self._source / form.DATABASE)
        listed = self._postgres.output("pg_restore", ["--list", archive])
        progress = Progress(_MARK, len(self.manifest.rows))
        with TemporaryDirectory() as folder:
            chosen = Path(folder, "list")
            chosen.write_text(
                "".join(
                    line for line in listed.splitlines(keepends=True) if not _LEFT_OUT.match(line)
                )
            )
            self._postgres.connect(
                "pg_restore",
                [
                    f"--jobs={self._jobs}", f"--use-list={chosen}", "--exit-on-error", "--verbose",
                    "--no-owner", "--no-privileges", *options, archive,
                ],
                progress.see,
            )  # fmt: skip

    def _compare_rows(self) -> None:
        show("comparing")
        with self._database.read() as connection:
            for name, count in self.manifest.rows.items():
                if name == _VERSIONS:  # it is written last
                    continue
                found = connection.execute(table.count_rows(name)).scalar_one()
                if found != count:
                    raise BackupUnusable(
                        f"{name} has {found} rows after the restore, not {count}. Take "
                        "another backup"
                    )

    # --- what knows of the old database

    def _empty_redis(self) -> None:
        """Forget answers and queued jobs; the rows say what is queued, and the reconciler reads them."""
        if self._settings.redis_url is None:
            return
        try:
            with redis_client(self._settings) as redis:
                forget_queued(redis)
            forget_cached_answers(self._settings)
        except RedisError as error:
            tell(
                f"Redis is away ({error}). It keeps cached answers of the old database "
                "for minutes, "
                "none of which is served"
            )
