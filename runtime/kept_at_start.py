"""Begins and ends to keep what an API process loads: compiled modules, and compiled texts.

It is begun before anything is imported that is to be found. `python -m runtime.kept_at_start api
web.app` writes both ahead, for an image.
"""

import atexit
import gc
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from runtime.compiled_texts import kept_compiled
from runtime.kept_modules import kept_modules
from runtime.lean_imports import import_without_extras

_API = "api"
_PROGRAMS = ("cli.py", "pacegraph")
_begun: list[ExitStack] = []


def begin_for(arguments: Sequence[str]) -> None:
    """Begin if this process was started to serve the API, by such `sys.argv`.

    Workers load what they need before they fork, and other commands load little.
    """
    program, *rest = arguments
    if Path(program).name in _PROGRAMS and rest[:1] == [_API]:
        begin(_API)


def begin(name: str) -> None:
    """Take modules and texts from what was kept.

    No garbage is looked for until a process is tuned: among modules that is a fifth of the time.
    """
    gc.disable()
    stack = ExitStack()
    stack.enter_context(kept_compiled(name))
    stack.enter_context(kept_modules(name))
    _begun.append(stack)
    atexit.register(_leave)


def end() -> None:
    """Write what is new, and load what comes as ever."""
    atexit.unregister(_leave)
    while _begun:
        _begun.pop().close()


def _leave() -> None:
    """Write nothing: the process ends before it served."""
    while _begun:
        _begun.pop().__exit__(SystemExit, SystemExit(), None)


def main() -> None:
    """Write the files of a name, of what some modules need. Those that are not there are left out."""
    name, *modules = sys.argv[1:]
    begin(name)
    import_without_extras()
    for each in modules:
        if find_spec(each.partition(".")[0]) is not None:
            import_module(each)
    end()


if __name__ == "__main__":
    main()
