"""A process that reads documents, so that long ones do not delay the API's event loop.

A thread would hold the interpreter's lock. The process has a lower priority (it is nice) and ends
with the API's.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from time import monotonic
from typing import Any

import orjson
from graphql import DocumentNode, GraphQLSchema, execute_sync

from graph.document.errors import NotRead, TooBusy
from graph.document.limits import DocumentLimits
from graph.document.validation import DocumentValidator, ValidationResult
from logs import child_process

_LOOK_EVERY_S = 10.0
_MOST_CPU_S = 5.0
"""No document takes a tenth of this CPU time."""
_PATIENCE_S = 60.0
"""Seconds that a document may take on a machine that gives the process little of its time."""
_START_PATIENCE_S = 60
NICENESS = 10
LEAST_URGENT = 19
"""Highest niceness of a process: any other goes first."""
_DEEPEST_PICKLE = 10_000
"""Recursion limit for pickling: what the parser reads in a thousand calls takes some thousands."""
_FIRST_FILE = 3  # after standard input, output and error

logger = logging.getLogger(__name__)


class DocumentWork:
    """The work on documents. It has no state, so any process may do it."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema, self._reader = schema, DocumentValidator(schema, limits)

    def read(self, text: str) -> ValidationResult:
        """Read a text, valid or not."""
        return self._reader.read(text)

    def introspect(self, document: DocumentNode, variables: dict[str, Any]) -> bytes | None:
        """Answer the document's first operation, about the schema. None: it has errors."""
        result = execute_sync(self._schema, document, variable_values=variables)
        return None if result.errors else orjson.dumps(result.data)


class DocumentProcess:
    """Has the work done in a process. One thread at a time may call it."""

    def __init__(
        self,
        work: DocumentWork,
        limits: DocumentLimits,
        build_schema: Callable[[], GraphQLSchema],
        niceness: int = NICENESS,
    ) -> None:
        """Start it. On Linux it is forked, so call it before there are threads and connections.

        `build_schema` must be a function that can be pickled: a process that is not forked calls
        it.
        """
        self._limits, self._build_schema, self._niceness = limits, build_schema, niceness
        self._is_closed = False
        self.restarts = 0
        """How often the process died and another was started."""
        if sys.platform == "linux":
            self._start("fork", work)
        else:
            self._start("spawn", None)

    @property
    def pid(self) -> int:
        """The id of the process that runs now."""
        assert self._process.pid is not None
        return self._process.pid

    def read(self, text: str) -> ValidationResult:
        """Read a text there. Raises NotRead if it takes too long or ends the process."""
        found: ValidationResult = self._do("read", text)
        return found

    def introspect(self, document: DocumentNode, variables: dict[str, Any]) -> bytes | None:
        """Answer an operation about the schema there. Raises as `read`."""
        found: bytes | None = self._do("introspect", document, variables)
        return found

    def close(self) -> None:
        """End it."""
        self._is_closed = True
        self._end()

    def _do(self, what: str, *arguments: Any) -> Any:
        self._send((what, arguments))
        try:
            if self._answers():
                is_done, found = self._connection.recv()
                if not is_done:
                    raise RuntimeError(found)
                return found
        except (OSError, EOFError):
            pass
        # not repeated: the document may be why the process ended
        self._restart()
        raise NotRead

    def _answers(self) -> bool:
        """Wait for an answer; returns whether there is one. Raises OSError if the process ended.

        Under load a process that is nice may get no time for seconds: only its own time tells that
        a document takes too long. A new process would cost more than to wait.
        """
        most_s = _cpu_s(self.pid) + _MOST_CPU_S
        until = monotonic() + _PATIENCE_S
        while not self._connection.poll(_LOOK_EVERY_S):
            if _cpu_s(self.pid) > most_s or monotonic() > until:
                return False
        return True

    def _send(self, request: tuple[str, tuple[Any, ...]]) -> None:
        """Send a request, to a new process if the last one ended while it was idle."""
        try:
            self._connection.send(request)
        except OSError:
            self._restart()
            self._connection.send(request)

    def _end(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()

    def _restart(self) -> None:
        if self._is_closed:
            raise TooBusy
        self._end()
        self.restarts += 1
        logger.error(
            "the process that reads documents ended, another takes over",
            extra={"restarts": self.restarts},
        )
        self._start("spawn", None)  # not forked: there are threads and connections now

    def _start(self, method: str, work: DocumentWork | None) -> None:
        context: Any = multiprocessing.get_context(method)
        self._connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve,
            args=(theirs, self._limits, work, self._build_schema, self._niceness),
            name="documents",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        if work is None and not self._is_ready():
            self._end()  # else its late word would be taken for the next answer
            raise NotRead

    def _is_ready(self) -> bool:
        """Wait until a process that makes its own work has done so."""
        try:
            return self._connection.poll(_START_PATIENCE_S) and bool(self._connection.recv())
        except (OSError, EOFError):
            return False


def _cpu_s(pid: int) -> float:
    """Get the CPU seconds of a process. Raises ProcessLookupError if it ended."""
    import psutil  # when first asked: it takes 1 MB

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        raise ProcessLookupError(pid) from None
    return float(times.user + times.system)


def _serve(
    connection: Connection,
    limits: DocumentLimits,
    work: DocumentWork | None,
    build_schema: Callable[[], GraphQLSchema],
    niceness: int,
) -> None:
    """Serve requests until the other end is closed."""
    # Ctrl-C is for the API, and this process ends with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with child_process("documents"), contextlib.suppress(EOFError, OSError):
        if work is None:
            work = DocumentWork(build_schema(), limits)
            connection.send("ready")
        else:
            _close_files_but(connection.fileno())
        os.nice(niceness)
        while True:
            what, arguments = connection.recv()
            connection.send_bytes(_answer(work, what, arguments))


def _answer(work: DocumentWork, what: str, arguments: tuple[Any, ...]) -> bytes:
    """Do the work, and write whether it succeeded and its result or reason. Raises nothing."""
    deepest = sys.getrecursionlimit()
    try:
        found = getattr(work, what)(*arguments)
        sys.setrecursionlimit(_DEEPEST_PICKLE)
        return bytes(ForkingPickler.dumps((True, found)))
    except Exception as error:
        logger.exception("a document could not be read")
        return bytes(ForkingPickler.dumps((False, f"{what}: {type(error).__name__}")))
    finally:
        sys.setrecursionlimit(deepest)


def _close_files_but(kept: int) -> None:
    """Close the inherited files. Above all the pipe's other end: its end would go unnoticed."""
    os.closerange(_FIRST_FILE, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
