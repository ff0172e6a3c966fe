"""PACEGRAPH_HOME: the claim on it, and `run.json`, which says where a running pacegraph is.

On Linux `run.json` is a link to memory of the process that the user started, so that the kernel
removes what it says with that process, even after a SIGKILL of everything.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600
_ENDING_S = 20
"""Seconds that the processes of a run that was killed may take to end."""

_KILLING_S = 5
_CLOCK_S = 2
"""Seconds by which the reckoned start of a process may change when the clock is set."""


class HomeUnusable(Exception):
    """The folder cannot be made or written."""

    @classmethod
    def from_error(cls, folder: Path, error: OSError) -> "HomeUnusable":
        return cls(
            f"PACEGRAPH_HOME: {folder} cannot be used ({error.strerror}). Name another folder"
        )


class HomeInUse(HomeUnusable):
    """Another `pacegraph run` uses this folder."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(
            f"PACEGRAPH_HOME: {folder} is used by `pacegraph run` "
            f"with process id {pid or 'unknown'}. "
            "Stop it, or start another one beside it: PORT=8001 PACEGRAPH_HOME=.local-2 make run"
        )


class Home:
    """The folder of one `pacegraph run`."""

    def __init__(self, folder: Path) -> None:
        """Create the folder if it does not exist. One of an earlier run becomes private.

        Raises HomeUnusable.
        """
        self.folder = folder.resolve()
        self.run_file = self.folder / "run.json"
        self._lock_file = self.folder / "lock"
        self._owner = os.getpid()
        self._memory: int | None = None
        """File descriptor of the owner, for the content of run.json."""
        try:
            self.folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            if self._lock_file.exists():
                self._make_private()
        except OSError as error:
            raise HomeUnusable.from_error(self.folder, error) from None

    def _make_private(self) -> None:
        """Keep others out, unless the folder is shared, as /tmp is, or not this user's."""
        facts = self.folder.stat()
        if facts.st_uid == os.geteuid() and not facts.st_mode & (stat.S_ISVTX | stat.S_IWOTH):
            self.folder.chmod(_PRIVATE_FOLDER)

    @contextmanager
    def claimed(self) -> Iterator[int]:
        """Claim the folder, and remove run.json; yields the claim's file descriptor.

        The claim lasts until the last process that inherited it has ended. If the run that made it
        is dead, this waits for the processes that it left, and kills those that do not end. Raises
        HomeUnusable.
        """
        number = self._open_lock()
        with os.fdopen(number, "r+") as lock:
            os.fchmod(lock.fileno(), _PRIVATE_FILE)
            self._lock(lock.fileno())
            self.withdraw()
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            with _memory_file() as self._memory:
                yield lock.fileno()
            self._memory = None

    def _open_lock(self) -> int:
        try:
            return os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE)
        except OSError as error:
            raise HomeUnusable.from_error(self.folder, error) from None

    def _lock(self, number: int) -> None:
        deadline = time.monotonic() + _ENDING_S
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            pid = os.pread(number, 20, 0).decode(errors="replace").strip()
            late_s = time.monotonic() - deadline
            if _lives(pid) or late_s > _KILLING_S:
                raise HomeInUse(self.folder, pid)
            self.withdraw()
            if late_s > 0:
                self._end_holders()
            time.sleep(0.05)

    def _end_holders(self) -> None:
        """Kill what a dead run left and what did not end in time."""
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                try:
                    is_holder = str(self._lock_file) in {file.path for file in process.open_files()}
                    if is_holder and process.pid != os.getpid():
                        process.kill()
                        psutil.wait_procs([process], timeout=1)
                except psutil.AccessDenied:
                    continue

    def publish(self, facts: dict[str, Any]) -> None:
        """Write run.json atomically, readable by its owner only because it contains tokens.

        It names this run by `pid` and `started_at` (seconds since 1970): see `running_facts`.
        Without a claim, or without /proc, it is a plain file.
        """
        started_at = psutil.Process(self._owner).create_time()
        facts = facts | {"pid": self._owner, "started_at": started_at}
        content = json.dumps(facts, indent=2).encode()
        unfinished = self.folder / "run.json.new"
        unfinished.unlink(missing_ok=True)
        if not self._link(unfinished, content):
            number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
            with os.fdopen(number, "wb") as file:
                file.write(content)
        unfinished.rename(self.run_file)

    def _link(self, path: Path, content: bytes) -> bool:
        """Make `path` a link to the owner's memory with `content`; False if that is impossible."""
        if self._memory is None:
            return False
        self.withdraw()  # no one reads what is half written
        os.ftruncate(self._memory, 0)
        os.pwrite(self._memory, content, 0)
        path.symlink_to(f"/proc/{self._owner}/fd/{self._memory}")
        if path.exists():
            return True
        path.unlink()
        return False

    def withdraw(self) -> None:
        """Remove run.json."""
        self.run_file.unlink(missing_ok=True)


def running_facts(folder: Path) -> dict[str, Any] | None:
    """The content of `folder`/run.json; None without it, and if the run that it names is dead.

    Where it is a plain file, a run that was killed together with its guard cannot remove it.
    """
    file = folder / "run.json"
    try:
        if file.stat().st_uid != file.lstat().st_uid:  # of another process by now
            return None
        facts: dict[str, Any] = json.loads(file.read_text())
        started_at = psutil.Process(facts["pid"]).create_time()
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return facts if abs(started_at - facts["started_at"]) < _CLOCK_S else None


@contextmanager
def _memory_file() -> Iterator[int | None]:
    """A file in memory, for its owner only; None where the system has none."""
    if not hasattr(os, "memfd_create"):
        yield None
        return
    number = os.memfd_create("run.json")
    try:
        os.fchmod(number, _PRIVATE_FILE)
        yield number
    finally:
        os.close(number)


def _lives(pid: str) -> bool:
    """Whether a process of this id exists that is no zombie."""
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (ValueError, psutil.Error):
        return False
