"""PACEGRAPH_HOME: who uses it, and `run.json`, which says where a running pacegraph is."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Home", "HomeInUse"]


class HomeInUse(Exception):  # noqa: N818 - the message is a sentence about it
    """Another `pacegraph run` has this folder."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(
            f"PACEGRAPH_HOME: {folder} is used by `pacegraph run` with process id {pid or 'unknown'}. "
            "Stop that one, or start this one beside it: PORT=8001 PACEGRAPH_HOME=.local-2 make run"
        )


class Home:
    """The folder of one `pacegraph run`."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where it does not exist."""
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run_file = self.folder / "run.json"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder; the claim ends with the last process that inherited it. Raises HomeInUse."""
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise HomeInUse(self.folder, lock.read().strip()) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.withdraw()
            yield

    def publish(self, facts: dict[str, Any]) -> None:
        """Write run.json, whole or not at all. It holds tokens, so only its owner may read it."""
        unfinished = self.folder / "run.json.new"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(facts, file, indent=2)
        unfinished.rename(self.run_file)

    def withdraw(self) -> None:
        """Remove run.json."""
        self.run_file.unlink(missing_ok=True)
