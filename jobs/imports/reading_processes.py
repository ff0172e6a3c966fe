"""Reads the files of one import in several processes, and gives them back in their order.

Reading and deriving take nearly all the time of an import. The processes are forked for the import,
have no connection to the database, and end with it. The importing process hands them one file after
the other, as a stream, and writes what they made of it in the order of the files: so an import goes
on where it was killed, and gives the same, however many processes read.
"""

import os
import signal
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import RawIOBase
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Any, BinaryIO, Self, cast

from jobs.imports.activity_zone import load_zones
from jobs.imports.large_files import LargeFileTurn
from jobs.imports.prepared_file import PreparedFile, ReadingRules, prepare
from recordings import RecordingError
from recordings.fit_chain import load_checksums
from recordings.strava_list import ListedActivity
from runtime.errors import PacegraphError
from runtime.open_files import leave_files
from runtime.parent_death import die_with_parent

_BLOCK = 1 << 18
_AHEAD = 3
"""Files for each process that are read while an earlier one takes long."""
_TICK_S = 0.5
_ENDING_S = 1.0
_fork = get_context("fork")


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file of an import; `content` is read until the next one is asked for."""

    number: int
    name: str
    content: BinaryIO | RecordingError
    listed: ListedActivity | None = None


class ReaderLost(PacegraphError):
    """The process that read the file `number` has died: it was killed, or the file killed it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the process that read file {number} has died")
        self.number = number


@dataclass(slots=True)
class _Turn:
    """A file's turn: `found` once it was read."""

    number: int
    found: PreparedFile | None = None


class ReadingProcesses:
    """At most `most` processes, started as they are needed. Use it in a `with` block."""

    def __init__(self, rules: ReadingRules, most: int) -> None:
        self._rules = rules
        self._most = most
        self._readers: list[_Reader] = []
        self._large_files = LargeFileTurn()
        self._turns: deque[_Turn] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in self._readers:
            reader.end()
        self._large_files.close()

    def read(self, files: Iterable[FileToRead]) -> Iterator[tuple[int, PreparedFile] | None]:
        """Read files; yields their numbers and what they hold, in order.

        It yields None about twice a second while nothing is ready. Raises ReaderLost, and what
        `files` raises.
        """
        for file in files:
            turn = _Turn(file.number)
            self._turns.append(turn)
            if isinstance(file.content, RecordingError):
                turn.found = prepare(file.name, file.content, None, self._rules)
            else:
                while (reader := self._idle()) is None:
                    yield from self._ready()
                    if not self._await():
                        yield None
                reader.begin(turn, file)
            yield from self._ready()
            while len(self._turns) > _AHEAD * self._most:
                if not self._await():
                    yield None
                yield from self._ready()
        while self._turns:
            yield from self._ready()
            if self._turns and not self._await():
                yield None

    def _idle(self) -> "_Reader | None":
        reader = next((each for each in self._readers if each.turn is None), None)
        if reader is None and len(self._readers) < self._most:
            load_zones()
            load_checksums()
            reader = _Reader(self._rules, self._large_files)
            self._readers.append(reader)
        return reader

    def _await(self) -> bool:
        """Wait for one of the busy processes; tells whether one has read its file."""
        busy = {each.pipe: each for each in self._readers if each.turn is not None}
        ready = wait(list(busy), timeout=_TICK_S)
        for pipe in ready:
            reader = busy[cast("Pipe", pipe)]
            if reader.take():
                self._readers.remove(reader)
                reader.end()
        return bool(ready)

    def _ready(self) -> Iterator[tuple[int, PreparedFile]]:
        while self._turns and (found := self._turns[0].found) is not None:
            yield self._turns.popleft().number, found


class _Reader:
    """One process; `turn` is the file that it reads now."""

    def __init__(self, rules: ReadingRules, large_files: LargeFileTurn) -> None:
        self.pipe, theirs = _fork.Pipe()
        self.turn: _Turn | None = None
        self._process = _fork.Process(
            target=_run,
            args=(theirs, os.getpid(), rules, large_files),
            name="file reader",
            daemon=True,
        )
        with warnings.catch_warnings():
            # Of threads in a process that forks: the child uses nothing that they may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()

    def begin(self, turn: _Turn, file: FileToRead) -> None:
        """Hand a file over. Raises ReaderLost."""
        self.turn = turn
        try:
            self.pipe.send((file.name, file.listed))
            for part in _parts(cast("BinaryIO", file.content)):
                self.pipe.send(part)
        except OSError as error:
            raise ReaderLost(turn.number) from error

    def take(self) -> bool:
        """Take what was read; tells whether the process reads no more. Raises ReaderLost."""
        turn, self.turn = self.turn, None
        assert turn is not None
        try:
            turn.found, is_leaving = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise ReaderLost(turn.number) from error
        return bool(is_leaving)

    def end(self) -> None:
        self.pipe.close()
        if self.turn is not None:
            self._process.kill()
        self._process.join(_ENDING_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _parts(content: BinaryIO) -> Iterator[bytes | Exception]:
    """Read a stream to its end, which is an empty part, or the error that it ends with."""
    try:
        while part := content.read(_BLOCK):
            yield part
    except Exception as error:  # noqa: BLE001 - the reader meets it where it would have read on
        yield error
    else:
        yield b""


def _run(pipe: Pipe, parent: int, rules: ReadingRules, large_files: LargeFileTurn) -> None:
    die_with_parent(parent)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the parent decides
    leave_files(pipe.fileno(), large_files.fileno())
    with suppress(EOFError, OSError):  # the parent ends
        while not large_files.is_taken:
            name, listed = pipe.recv()
            stream = _PipedStream(pipe)

            def take_turn(rest: _PipedStream = stream) -> None:
                rest.skip()  # or the parent waits for us, and who has the turn for the parent
                large_files.take()

            found = prepare(name, cast("BinaryIO", stream), listed, rules, take_turn)
            stream.skip()
            pipe.send((found, large_files.is_taken))


class _PipedStream(RawIOBase):
    """A file's content as it comes through the pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._part = memoryview(b"")
        self._has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._part and not self._has_ended:
            self._receive()
        size = min(len(buffer), len(self._part))
        buffer[:size] = self._part[:size]
        self._part = self._part[size:]
        return size

    def skip(self) -> None:
        """Receive the rest, which no one asked for."""
        while not self._has_ended:
            with suppress(Exception):
                self._receive()

    def _receive(self) -> None:
        self._has_ended = True  # also where the pipe ends
        part = self._pipe.recv()
        if isinstance(part, Exception):
            raise part
        self._part = memoryview(part)
        self._has_ended = not part
