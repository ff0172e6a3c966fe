"""Runs pg_dump and pg_restore."""

import re
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import make_url

from operator_commands.backups.errors import ProgramFailed
from settings import Settings, child_environment

OnLine = Callable[[str], None]
_VERSION = re.compile(r"\) (\d+)")
_KEPT_LINES = 20
STATISTICS_SINCE = 18
"""The major version from which programs and servers can take statistics along."""


class PostgresPrograms:
    """The programs of one version, and the database that they connect to."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Take those in `folder`. Raises InvalidSettings without DATABASE_URL."""
        settings.require("database_url")
        assert settings.database_url is not None
        url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
        self._folder = folder
        # Other users see a program's arguments, but not its environment.
        self._environment = child_environment(PGPASSWORD=url.password) if url.password else None
        self._url = url.set(password=None).render_as_string()

    def version(self) -> int:
        """Ask for the major version. Raises ProgramFailed."""
        told = self.output("pg_dump", ["--version"])
        if (found := _VERSION.search(told)) is None:
            raise ProgramFailed(f"{self._folder / 'pg_dump'}: it says of itself: {told.strip()}")
        return int(found[1])

    def output(self, name: str, arguments: Sequence[str]) -> str:
        """Run a program that connects to nothing; gives its output. Raises ProgramFailed."""
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own programs
                [str(self._folder / name), *arguments], capture_output=True, text=True, check=True
            )
        except OSError as error:
            raise self._not_run(name, error) from None
        except subprocess.CalledProcessError as error:
            raise ProgramFailed(f"{name}: {error.stderr.strip()}") from None
        return done.stdout

    def connect(self, name: str, arguments: Sequence[str], on_line: OnLine) -> None:
        """Run a program on the database; what it tells of its work goes to `on_line`.

        Raises ProgramFailed. It ends with whatever is raised meanwhile.
        """
        command = [str(self._folder / name), "--no-password", f"--dbname={self._url}", *arguments]
        last: deque[str] = deque(maxlen=_KEPT_LINES)
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own programs
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise self._not_run(name, error) from None
        with process:
            try:
                assert process.stderr is not None
                for line in process.stderr:
                    last.append(line.strip())
                    on_line(line)
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            raise ProgramFailed(f"{name}: {_reason(last)}")

    def _not_run(self, name: str, error: OSError) -> ProgramFailed:
        return ProgramFailed(
            f"{self._folder / name}: cannot be run ({error.strerror}). Name the folder of "
            "PostgreSQL's programs: --programs FOLDER"
        )


def _reason(lines: Sequence[str]) -> str:
    """Choose the first line that tells of an error; the last one where none does."""
    errors = [line for line in lines if " error: " in line or "FATAL" in line or "ERROR" in line]
    return (errors or list(lines) or ["it failed"])[0].partition(" error: ")[2] or (
        errors or list(lines) or ["it failed"]
    )[0]
