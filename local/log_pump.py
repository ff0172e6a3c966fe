"""Carries the output of children from pipes to log files and to the terminal.

Because the children have no log file open, a file can be renamed, deleted or bounded while they
run. Neither a full disk nor a terminal that does not read holds them up.
"""

import fcntl
import os
import selectors
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local.log_files import DEFAULT_LIMITS, LogFile, LogLimits
from local.terminal import Terminal

_READ_BYTES = 65_536
_PIPE_BYTES = 2**20
_LONGEST_LINE_BYTES = 65_536
_BATCH_S = 0.02
"""Pause between two rounds, so that many short writes are read at once."""
_CATCH_UP_S = 1.0


@dataclass(slots=True)
class _Stream:
    name: str
    log: LogFile
    shown: bool
    rest: bytes = b""
    """The beginning of a line that is not complete yet."""


class LogPump:
    """The outputs of all children of one run. The children `shown` appear on the terminal too."""

    def __init__(
        self,
        home: Path,
        terminal: Terminal,
        shown: Collection[str] = (),
        limits: LogLimits = DEFAULT_LIMITS,
    ) -> None:
        self._folder, self._terminal, self._shown, self._limits = (
            home / "logs",
            terminal,
            shown,
            limits,
        )
        self._logs: dict[str, LogFile] = {}
        self._selector = selectors.DefaultSelector()
        self._rounds = threading.Condition()
        self._quiet_rounds = 0
        self._lost_bytes = 0
        self._thread = threading.Thread(target=self._run, name="log pump", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def path_of(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = LogFile(self.path_of(name), self._limits)
            with suppress(OSError):  # each write tries again, and losses are told
                log.begin()
        reading, writing = os.pipe()
        _enlarge(writing)
        os.set_blocking(reading, False)
        stream = _Stream(name, log, name in self._shown)
        self._selector.register(reading, selectors.EVENT_READ, stream)
        try:
            yield writing
        finally:
            os.close(writing)

    def catch_up(self) -> None:
        with self._rounds:
            before = self._quiet_rounds
            self._rounds.wait_for(lambda: self._quiet_rounds > before + 1, _CATCH_UP_S)

    def _run(self) -> None:
        while True:
            ready = self._selector.select(timeout=_BATCH_S)
            for key, _ in ready:
                self._read(key.fd, key.data)
            if not ready:
                with self._rounds:
                    self._quiet_rounds += 1
                    self._rounds.notify_all()
            self._tell_losses()
            time.sleep(_BATCH_S)

    def _read(self, reading: int, stream: _Stream) -> None:
        with suppress(BlockingIOError):
            while data := os.read(reading, _READ_BYTES):
                stream.log.write(data)
                if stream.shown:
                    self._show(stream, data)
                if len(data) < _READ_BYTES:
                    return
            self._selector.unregister(reading)
            os.close(reading)

    def _show(self, stream: _Stream, data: bytes) -> None:
        *lines, stream.rest = (stream.rest + data).split(b"\n")
        if len(stream.rest) > _LONGEST_LINE_BYTES:
            lines, stream.rest = [*lines, stream.rest], b""
        for line in lines:
            self._terminal.show(f"{stream.name} | {line.decode(errors='replace')}\n")

    def _tell_losses(self) -> None:
        lost = sum(log.lost_bytes for log in list(self._logs.values()))
        if lost and not self._lost_bytes:
            self._terminal.tell(
                f"the logs in {self._folder} cannot be written; pacegraph goes on without them"
            )
        self._lost_bytes = lost


def _enlarge(pipe: int) -> None:
    """Make room for bursts, where the system allows it."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
