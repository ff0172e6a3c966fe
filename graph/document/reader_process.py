"""A process beside the API's, for work whose length the callers' documents decide.

Threads would take their time from the event loop, by the interpreter's lock. The process yields to everybody else (it
is nice), and ends with the API's.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

import orjson
from graphql import DocumentNode, GraphQLSchema, execute_sync

from graph.document_errors import NotRead, TooBusy
from graph.reading import Read, Reader
from graph.shape import DocumentLimits
from logs import child_process

_PATIENCE_S = 10
"""No document takes a hundredth of it, on a machine that is not overwhelmed."""
_START_PATIENCE_S = 60
_NICENESS = 10
_DEEPEST_PICKLE = 10_000
"""Recursions of writing an answer: what the parser read in a thousand takes some thousands to be written."""
_FIRST_FILE = 3  # after standard input, output and error

logger = logging.getLogger(__name__)


class DocumentWork:
    """What is done with documents, whatever they are; without state, so that any thread or process may do it."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema, self._reader = schema, Reader(schema, limits)

    def read(self, text: str) -> Read:
        """Read a text, sound or not."""
        return self._reader.read(text)

    def introspect(self, document: DocumentNode, variables: dict[str, Any]) -> bytes | None:
        """Answer an operation about the schema, the document's first; None where that makes errors."""
        result = execute_sync(self._schema, document, variable_values=variables)
        return None if result.errors else orjson.dumps(result.data)


class DocumentProcess:
    """Has the work done in a process, one piece after the other; called by one thread at a time."""

    def __init__(self, work: DocumentWork, limits: DocumentLimits) -> None:
        """Fork it. Call it before there are threads and connections: it would have them too."""
        self._limits = limits
        self._is_closed = False
        self.restarts = 0
        """How often it died and was started again."""
        self._start("fork", work)

    def read(self, text: str) -> Read:
        """Read a text there. Raises NotRead where it takes far too long, or ends the process."""
        found: Read = self._do("read", text)
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
            if self._connection.poll(_PATIENCE_S):
                is_done, found = self._connection.recv()
                if not is_done:
                    raise RuntimeError(found)
                return found
        except (OSError, EOFError):
            pass
        # What ended one process is not given to the next: it may have been the reason.
        self._restart()
        raise NotRead

    def _send(self, request: tuple[str, tuple[Any, ...]]) -> None:
        """Send a request; to another process where the one before ended while nothing was asked of it."""
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
        logger.error("the process that reads documents ended, another takes over", extra={"restarts": self.restarts})
        self._start("spawn", None)  # not forked: there are threads and connections now

    def _start(self, method: str, work: DocumentWork | None) -> None:
        context: Any = multiprocessing.get_context(method)
        self._connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, self._limits, work), name="documents", daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            is_ready = self._connection.poll(_START_PATIENCE_S) and self._connection.recv()
        except (OSError, EOFError):
            is_ready = False
        if not is_ready:
            self._end()  # else the next to ask would take its late word for an answer
            raise NotRead


def process_is_possible() -> bool:
    """Whether this system forks as safely as it is needed here."""
    return sys.platform == "linux"


def _serve(connection: Connection, limits: DocumentLimits, work: DocumentWork | None) -> None:
    """Do what is asked until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the API's affair, and this ends with it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with child_process("documents"), contextlib.suppress(EOFError, OSError):
        if work is None:
            from graph.schema import build_schema

            work = DocumentWork(build_schema().core, limits)
        else:
            _close_files_but(connection.fileno())
        os.nice(_NICENESS)
        connection.send("ready")
        while True:
            what, arguments = connection.recv()
            connection.send_bytes(_answer(work, what, arguments))


def _answer(work: DocumentWork, what: str, arguments: tuple[Any, ...]) -> bytes:
    """Do it, and write whether it was done, with what was found or why not: no document ends the process."""
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
    """Close what was forked along: the pipe's other end above all, else this would not see it closed."""
    os.closerange(_FIRST_FILE, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
