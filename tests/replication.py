"""A PostgreSQL and a streaming replica of it, from the embedded programs; both can be stopped."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from socket import create_server

import psycopg

from local.postgres import programs_folder
from local.postgres_user import access_for
from local.processes import as_user
from tests.patience import PATIENCE_S

_FAST = {"fsync": "off", "shared_buffers": "32MB", "jit": "off", "autovacuum": "off"}


class Server:
    """One server on a free port of this machine, with its data in a folder of its own."""

    def __init__(self, folder: Path, programs: Path | None = None, **settings: str) -> None:
        """Take a folder that PostgreSQL's user may enter. Other `programs` than the embedded ones
        have `bin`, `lib` and `share`.
        """
        self.data, self._log = folder / "data", folder / "log"
        with create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._settings = _FAST | settings
        with access_for(self.data, programs or programs_folder()) as access:
            self._programs, self._user = access.programs / "bin", access.user
            folder.mkdir(mode=0o700)
            access.give(folder)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.address}/postgres"

    def create(self) -> None:
        """Create its data."""
        self._run(
            "initdb", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )

    def follow(self, primary: "Server") -> None:
        """Copy the data of another server, which it follows from then on."""
        self.copy(primary, "-R")

    def copy(self, other: "Server", *options: str) -> None:
        """Copy the data of another server, which runs."""
        self._run("pg_basebackup", "-d", other.url, "--checkpoint=fast", "--no-sync", *options)

    def give(self, folder: Path) -> None:
        """Let its processes write into a folder."""
        if self._user is not None:
            os.chown(folder, *self._user)

    def start(self) -> None:
        options = {"port": str(self._port), "listen_addresses": "127.0.0.1"} | self._settings
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self.data), "-k", "", *given]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_user(self._user),
            )
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < until, self._log.read_text()
                time.sleep(0.02)
            else:
                return

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def run(self, statement: str) -> object:
        """Run a statement; gives its first value, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ran = connection.execute(statement)  # type: ignore[call-overload]
            row = ran.fetchone() if ran.description else None
        return row[0] if row else None

    def kill(self) -> None:
        """End all its processes at once, as a machine that dies."""
        doomed = [self._process.pid, *self._backends()]
        for each in doomed:
            os.kill(each, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_S)

    def freeze(self) -> None:
        """Let all its processes do nothing, until `go_on`."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        for each in self._backends():
            os.kill(each, signal.SIGSTOP)

    def go_on(self) -> None:
        for each in self._backends():
            os.kill(each, signal.SIGCONT)
        os.killpg(self._process.pid, signal.SIGCONT)

    def _backends(self) -> list[int]:
        """PostgreSQL gives each of its processes a group of its own."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(each) for each in children.read_text().split()]

    def _run(self, program: str, *arguments: str) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        command = [str(self._programs / program), "-D", str(self.data), *arguments]
        done = subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False, **as_user(self._user)
        )
        assert done.returncode == 0, done.stderr
