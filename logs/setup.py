"""Sets up the logs of a process, and sends to them what Python would print elsewhere.

Our programs write nothing but log lines to standard error, except for the user of a command: `tell`
(unless LOG_FORMAT=json is set) and the usage of a command.
"""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from logs.error_reports import ErrorReports
from logs.formatters import ProcessIdentity
from logs.handlers import Handler, JsonHandler
from logs.redaction import Redaction
from settings import InvalidSettings, Settings, load_settings, wants_json_logs

_COPY = Path(__file__).resolve().parents[1]
_QUIET = ("httpx", "httpcore", "urllib3", "asyncio", "rq", "alembic")
"""Noisy loggers: they get WARNING unless LOG_LEVELS sets another level."""

_INDEPENDENT = ("rq.worker",)
"""Loggers that get a level from their library when it is imported, unless they have one."""

logger = logging.getLogger(__name__)
_leveled: list[str] = []
_show_warning = warnings.showwarning


def prepare(process: str) -> None:
    """Set up the logs before settings are read, where LOG_FORMAT=json: failures are lines too."""
    # what is wrong with the file of settings is said when they are read
    silent = logging.NullHandler()
    logging.getLogger().addHandler(silent)
    wanted = wants_json_logs()
    logging.getLogger().removeHandler(silent)
    if wanted:
        set_up(Settings.model_construct(), process)


def set_up_early(process: str) -> None:
    """Set up the logs by the valid settings; the code that needs the others reports them."""
    try:
        set_up(load_settings(), process)
    except InvalidSettings:
        prepare(process)


def set_up(settings: Settings, process: str) -> None:
    """Send this process's logs to standard error in the form LOG_FORMAT; `process` is its name."""
    kind = JsonHandler if settings.log_format == "json" else Handler
    root = logging.getLogger()
    root.handlers[:] = [kind(ProcessIdentity(process, our_version()), Redaction(settings))]
    _set_levels(settings.log_level, settings.log_levels)
    warnings.showwarning = _log_warning
    sys.excepthook, sys.unraisablehook, threading.excepthook = (
        _log_uncaught,
        _log_unraisable,
        _log_end_of_thread,
    )


def report_errors(settings: Settings) -> None:
    """Report this process's errors where SENTRY_DSN says. Raises InvalidSettings."""
    reports = ErrorReports.from_settings(settings, our_version())
    for handler in _our_handlers():
        handler.reports = reports


def flush_reports() -> None:
    """Send the errors that are not reported yet: before a process ends. It takes 2 s at most."""
    for handler in _our_handlers():
        if handler.reports is not None:
            handler.reports.flush()


@contextmanager
def child_process(process: str) -> Iterator[None]:
    """Run the work of a child process, and log the error that ends it.

    multiprocessing would print that error past the log.
    """
    handlers = _our_handlers()
    for handler in handlers:
        handler.be(ProcessIdentity(process, handler.identity.version))
    if not handlers:
        set_up_early(process)
    try:
        yield
    except Exception as error:
        if not log_end(error):
            raise
        sys.exit(1)


def log_end(error: Exception) -> bool:
    """Log the error that ends the process; False where no logs are set up.

    `sys.excepthook` is not enough: libraries replace it.
    """
    if _our_handlers():
        logger.critical("the process ends by an error", exc_info=error)
    return bool(_our_handlers())


def tell(message: str) -> None:
    """Tell the user of a command what is wrong, in a plain line or (LOG_FORMAT=json) a log line."""
    if wants_json_logs() and _our_handlers():
        logger.error(message)
    else:
        sys.stderr.write(f"pacegraph: {message}\n")


def _our_handlers() -> list[Handler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, Handler)]


def our_version() -> str:
    """Get the version: that which is installed, else that of the copy, as in a container."""
    try:
        return version("pacegraph")
    except PackageNotFoundError:
        return version_of(_COPY)


def version_of(copy: Path) -> str:
    """Read the version of a copy of the sources; `unknown` where it does not tell."""
    import tomllib  # an installed package needs none

    try:
        found = tomllib.loads((copy / "pyproject.toml").read_text())["project"]["version"]
    except (OSError, KeyError, ValueError):
        return "unknown"
    return str(found)


def _set_levels(level: str, others: Mapping[str, str]) -> None:
    """Set the levels of loggers, and reset those that are no longer configured."""
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
        library_logger = logging.getLogger(name)
        library_logger.setLevel(logging.NOTSET)
        library_logger.setLevel(library_logger.getEffectiveLevel())


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log an uncaught error. Python would print it past the log."""
    if issubclass(kind, KeyboardInterrupt):
        logger.warning("interrupted")
    else:
        logger.critical("the process ends by an error", exc_info=(kind, error, traceback))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit:
        return
    error = ended.exc_value or ended.exc_type()
    fields = {"ended_thread": ended.thread and ended.thread.name}
    logger.error(
        "a thread ended by an error",
        exc_info=(ended.exc_type, error, ended.exc_traceback),
        extra=fields,
    )


def _log_unraisable(failed: Any) -> None:
    """Log an error that cannot be raised, such as one while an object is deleted."""
    with suppress(Exception):
        error = failed.exc_value or failed.exc_type()
        fields = {"where": failed.err_msg, "object": type(failed.object).__name__}
        logger.error(
            "an error came to nobody",
            exc_info=(failed.exc_type, error, failed.exc_traceback),
            extra=fields,
        )


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
        handler.be(ProcessIdentity(handler.identity.process, handler.identity.version))


os.register_at_fork(after_in_child=_note_fork)
