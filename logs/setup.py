"""Setting the logs of a process up: where lines go, which are left out, and what else would be said past them.

Nothing of ours writes to standard error but lines of the log, with these exceptions, which are for whoever calls a
command: what `tell` says, unless LOG_FORMAT=json was set, and how a command is used.
"""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, TextIO

from logs.line import Identity
from logs.redaction import Redaction
from logs.writing import Handler, JsonHandler
from settings import InvalidSettings, Settings, load_settings, wants_json_logs

__all__ = ["child_process", "log_end", "prepare", "set_up", "set_up_early", "tell"]

_QUIET = ("httpx", "httpcore", "asyncio", "rq", "alembic")
"""Loggers that say too much: WARNING, unless LOG_LEVELS says otherwise."""

_INDEPENDENT = ("rq.worker",)
"""Loggers whose library gives them a level when it is imported, unless they have one."""

_log = logging.getLogger(__name__)
_leveled: list[str] = []
_show_warning = warnings.showwarning


def prepare(process: str) -> None:
    """Set the logs up before the settings are known, where LOG_FORMAT=json is set: what fails then is a line too."""
    silent = logging.NullHandler()  # what is wrong with the file of settings is said when they are read
    logging.getLogger().addHandler(silent)
    wanted = wants_json_logs()
    logging.getLogger().removeHandler(silent)
    if wanted:
        set_up(Settings.model_construct(), process)


def set_up_early(process: str) -> None:
    """Set the logs up by the settings that are found, as far as that goes: who needs settings says what is wrong."""
    try:
        set_up(load_settings(), process)
    except InvalidSettings:
        prepare(process)


def set_up(settings: Settings, process: str) -> None:
    """Send this process's logs to standard error in the form of LOG_FORMAT; `process` says which it is."""
    kind = JsonHandler if settings.log_format == "json" else Handler
    root = logging.getLogger()
    root.handlers[:] = [kind(Identity(process, _version()), Redaction(settings))]
    _set_levels(settings.log_level, settings.log_levels)
    warnings.showwarning = _log_warning
    sys.excepthook, sys.unraisablehook, threading.excepthook = _log_uncaught, _log_unraisable, _log_end_of_thread


@contextmanager
def child_process(process: str) -> Iterator[None]:
    """Do the work of a process that another of ours started, forked or not, and log what ends it, if anything does.

    multiprocessing would print it past the log.
    """
    handlers = _our_handlers()
    for handler in handlers:
        handler.be(Identity(process, handler.identity.version))
    if not handlers:
        set_up_early(process)
    try:
        yield
    except Exception:
        if not log_end():
            raise
        sys.exit(1)


def log_end() -> bool:
    """Log the error that is being handled as what ends the process; False where no logs are set up.

    To wait for `sys.excepthook` is not enough: libraries put their own there.
    """
    if _our_handlers():
        _log.critical("the process ends by an error", exc_info=True)
    return bool(_our_handlers())


def tell(message: str) -> None:
    """Tell whoever called a command what is wrong: a plain line, or one of the log where LOG_FORMAT=json was set."""
    if wants_json_logs() and _our_handlers():
        _log.error(message)
    else:
        sys.stderr.write(f"pacegraph: {message}\n")


def _our_handlers() -> list[Handler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, Handler)]


def _version() -> str:
    try:
        return version("pacegraph")
    except PackageNotFoundError:  # run from a copy that is not installed
        return "unknown"


def _set_levels(level: str, others: Mapping[str, str]) -> None:
    """Give loggers their levels, and those that had one before none."""
    while _leveled:
        logging.getLogger(_leveled.pop()).setLevel(logging.NOTSET)
    root = logging.getLogger()
    root.setLevel(level)
    quiet: dict[str, int | str] = {name: max(logging.WARNING, root.level) for name in _QUIET}
    for name, its_level in {**quiet, **others}.items():
        _leveled.append(name)
        logging.getLogger(name).setLevel(its_level)
    for name in set(_INDEPENDENT) - set(others):
        _leveled.append(name)
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        logger.setLevel(logger.getEffectiveLevel())


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Log what ends the process, where Python would print it past the handler."""
    if issubclass(kind, KeyboardInterrupt):
        _log.warning("interrupted")
    else:
        _log.critical("the process ends by an error", exc_info=(kind, error, traceback))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit:
        return
    error = ended.exc_value or ended.exc_type()
    fields = {"ended_thread": ended.thread and ended.thread.name}
    _log.error("a thread ended by an error", exc_info=(ended.exc_type, error, ended.exc_traceback), extra=fields)


def _log_unraisable(failed: Any) -> None:
    """Log what went wrong where nobody can be told, such as when an object was deleted."""
    with suppress(Exception):
        error = failed.exc_value or failed.exc_type()
        fields = {"where": failed.err_msg, "object": type(failed.object).__name__}
        _log.error("an error came to nobody", exc_info=(failed.exc_type, error, failed.exc_traceback), extra=fields)


def _log_warning(  # noqa: PLR0917 - the signature of warnings.showwarning
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if file is not None:
        _show_warning(message, category, filename, lineno, file, line)
        return
    fields = {"category": category.__name__, "file": filename, "line": lineno}
    logging.getLogger("py.warnings").warning("%s", message, extra=fields)


def _note_fork() -> None:
    for handler in _our_handlers():
        handler.be(Identity(handler.identity.process, handler.identity.version))


os.register_at_fork(after_in_child=_note_fork)
