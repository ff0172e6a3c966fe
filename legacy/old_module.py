"""Serves the names of the modules in `imports/`, with a warning that names the replacement."""

import dis
import logging
import os
import warnings
from collections.abc import Callable
from functools import cache
from inspect import currentframe
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from legacy.old_names import OLD_MODULES
from legacy.uses import process_uses
from settings import InvalidSettings, Settings, load_settings

_OURS = str(Path(__file__).parent) + os.sep
_MACHINERY = {"importlib", "importlib._bootstrap", "importlib._bootstrap_external"}

logger = logging.getLogger(__name__)


class OldModule(NamedTuple):
    """The attributes `__getattr__`, `__dir__` and `__all__` of an old module."""

    getattr: Callable[[str], Any]
    dir: Callable[[], list[str]]
    all: list[str]


def old_module(module: str) -> OldModule:
    """Make the attributes of the old `module`, which is being imported.

    Raises ImportError if LEGACY=off.
    """
    names = OLD_MODULES[module]
    if not _is_on():
        asked = [name for name in _asked_for(_user()) if name in names] or sorted(names)
        instead = "; ".join(
            f"{module}.{name} is now: {names[name].instead(name)}" for name in asked
        )
        message = (
            f"{module} is switched off (LEGACY=off). {instead}. "
            "`pacegraph migrate-imports PATH` rewrites files."
        )
        raise ImportError(message, name=module)
    if _imports_all_of(module, user := _user()):
        _warn(
            module,
            "import its names from where they are now: `pacegraph migrate-imports` does",
            user,
        )

    def give(name: str) -> Any:
        if name not in names:
            hint = (
                ""
                if name.startswith("__")
                else f"; of the older service's names it has {', '.join(sorted(names))}"
            )
            raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}", name=name)
        _warn(f"{module}.{name}", names[name].instead(name), _user())
        return names[name].resolve()

    return OldModule(give, lambda: sorted(names), sorted(names))


@cache
def _settings() -> Settings | None:
    """Load the settings; None if any but LEGACY is wrong. Raises InvalidSettings."""
    try:
        return load_settings()
    except InvalidSettings as error:
        if str(error).startswith("LEGACY:"):
            raise
        return None  # code that needs the wrong setting will report it


def _is_on() -> bool:
    settings = _settings()
    return settings is None or settings.legacy == "on"


def _end() -> str:
    settings = _settings()
    end = settings and settings.legacy_sunset_on
    return f". The old name may be gone after {end}." if end else ""


def _user() -> FrameType:
    """Find the frame that imports or reads a name, outside this package and Python's imports."""
    frame = currentframe()
    assert frame is not None
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_OURS) or frame.f_globals.get("__name__") in _MACHINERY
    ):
        frame = frame.f_back
    return frame


def _warn(name: str, instead: str, user: FrameType) -> None:
    """Count, log and warn of a use. The warning comes last, because it may be an error."""
    path, line = user.f_code.co_filename, user.f_lineno
    site = f"{_relative(path)}:{line}"
    message = f"{name}, used in {site}, is deprecated. Instead: {instead}{_end()}"
    process_uses().count_import(name, site)
    _log_once(message)
    registry = user.f_globals.setdefault("__warningregistry__", {})
    module = user.f_globals.get("__name__", "<unknown>")
    warnings.warn_explicit(message, DeprecationWarning, path, line, module, registry)


@cache
def _log_once(message: str) -> None:
    logger.warning("%s", message)


def _relative(path: str) -> str:
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # no working directory any more; another drive
        return path
    return path if relative.startswith(os.pardir) or path.startswith("<") else relative


def _imports_all_of(module: str, user: FrameType) -> bool:
    """Whether `module` itself is imported, as by `import database`, and not names from it."""
    names = _asked_for(user)
    return not names or module.rpartition(".")[2] in names


def _asked_for(user: FrameType) -> tuple[str, ...]:
    """Get the names of the `from … import …` that the frame executes; empty for other code."""
    before = None
    for each in dis.get_instructions(user.f_code):
        if each.offset == user.f_lasti:
            names = before.argval if each.opname == "IMPORT_NAME" and before is not None else None
            return names if isinstance(names, tuple) else ()
        if (
            each.opname != "EXTENDED_ARG"
        ):  # the next instruction's operand in a module with many names
            before = each
    return ()
