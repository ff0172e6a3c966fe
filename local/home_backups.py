"""Backups of an installation: of its own database, or of the one in PACEGRAPH_HOME, running or not."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from db.errors import DatabaseError
from local.embedded_service import ServiceFailed
from local.generated_secrets import store_secret
from local.home import Home, HomeUnusable
from local.home_settings import with_running_services
from local.log_files import FileOutputs
from local.postgres import programs_folder, start_postgres
from local.processes import Launcher
from logs import tell
from operator_commands.backups.backup import back_up
from operator_commands.backups.errors import BackupError
from operator_commands.backups.manifest import HOME, BackupManifest, described
from operator_commands.backups.restore import Restore
from operator_commands.confirmation import confirm
from settings import Settings

_KEPT = ("flags.json", "strava_application")
"""Files of the home that go with its database. Its keys are to be kept elsewhere."""
_PRIVATE = 0o077
_FAILURES = (BackupError, DatabaseError, ServiceFailed, HomeUnusable)


def backup(settings: Settings, options: argparse.Namespace) -> int:
    """Run the command; returns 1 if it failed. Raises InvalidSettings."""
    os.umask(_PRIVATE)
    to: Path = options.to
    is_embedded = settings.database_url is None
    kept = [settings.pacegraph_home / name for name in _KEPT] if is_embedded else []
    try:
        if is_embedded:
            _require_database(settings.pacegraph_home)
        with _answering(with_running_services(settings)) as answering:
            made = back_up(
                answering,
                to,
                programs=_programs(options),
                jobs=options.jobs,
                kept_files=kept,
                without_s3=options.without_s3,
            )
    except _FAILURES as error:
        tell(str(error))
        return 1
    print(f"{to}: {_told(made)}")
    if made.missing_originals:
        tell(f"{made.missing_originals} originals have no file in ORIGINALS_FOLDER")
    if made.missing_in_s3:
        tell(f"{made.missing_in_s3} originals have no object in ORIGINALS_S3_BUCKET")
    if made.originals_in_s3:
        tell(f"{made.originals_in_s3} originals are in S3, and not in the backup: keep the bucket")
    if not made.keys and made.rows.get("strava_connections"):
        tell(
            "no key of TOKEN_ENCRYPTION_KEYS decrypts the stored tokens: the backup lacks one, too"
        )
    return 0


def restore(settings: Settings, options: argparse.Namespace) -> int:
    """Run the command; returns 1 if it failed or was not wanted. Raises InvalidSettings."""
    os.umask(_PRIVATE)
    source: Path = options.source
    is_embedded = settings.database_url is None
    try:
        BackupManifest.from_folder(source)  # a wrong path asks nothing, and makes no home
        question = "Replaces all that the database has"
        if options.replace and not confirm(question, yes=options.yes):
            return 1
        with _stopped(settings) as answering:
            wanted = Restore(answering, source, programs=_programs(options), jobs=options.jobs)
            wanted.run(replaces=options.replace, forgets_connections=options.forget_connections)
        if is_embedded:
            _restore_home(source, settings.pacegraph_home)
    except _FAILURES as error:
        tell(str(error))
        return 1
    print(f"{source}: restored, {_told(wanted.manifest)}")
    if left := wanted.manifest.originals_in_s3:
        tell(f"{left} originals are in S3, and not in the backup: its bucket has to be there")
    return 0


def _require_database(home: Path) -> None:
    """Check that a home has a database: a backup makes none. Raises BackupError."""
    try:
        is_there = (home / "postgres").exists()
    except OSError as error:
        raise BackupError(f"PACEGRAPH_HOME: {home} cannot be read ({error.strerror})") from None
    if not is_there:
        raise BackupError(
            f"PACEGRAPH_HOME: {home} has no database. Name the home of a server, or set "
            "DATABASE_URL"
        )


def _programs(options: argparse.Namespace) -> Path:
    return options.programs or programs_folder() / "bin"


def _told(manifest: BackupManifest) -> str:
    facts = described(manifest)
    return (
        f"{facts['rows']} rows, {facts['bytes']} bytes, migration {facts['migration']}, "
        f"of {facts['made_at']}"
    )


@contextmanager
def _answering(settings: Settings) -> Iterator[Settings]:
    """Yield settings whose database answers; an embedded one that is stopped runs for the block.

    Raises HomeUnusable, ServiceFailed and InvalidSettings.
    """
    if settings.database_url is not None:
        yield settings.past_pooler()
        return
    home = Home(settings.pacegraph_home)
    with home.claimed() as claim:
        service = start_postgres(home.folder, launcher=Launcher(FileOutputs(home.folder), claim))
        try:
            yield settings.model_copy(update={"database_url": SecretStr(service.url)})
        finally:
            service.stop()


@contextmanager
def _stopped(settings: Settings) -> Iterator[Settings]:
    """Yield settings for a restore: what is embedded must not run. Raises as `_answering`."""
    found = with_running_services(settings)
    if settings.database_url is None:
        found = found.model_copy(update={"database_url": None, "redis_url": settings.redis_url})
    with _answering(found) as answering:
        yield answering


def _restore_home(source: Path, home: Path) -> None:
    """Put back what belongs to the database of a home."""
    for name in _KEPT:
        if (kept := source / HOME / name).exists():
            store_secret(home / name, kept.read_text())
