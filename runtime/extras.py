"""Imports libraries without what they would use only because it happens to be installed.

Some look for other packages and import them if they are there: some 13 MB and a sixth of the time
that an API process takes to start, for what it never does.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import cast

_UNUSED = {
    "jwt": "cryptography",  # signatures by public keys; ours are by a shared one
    "redis.asyncio": "opentelemetry.sdk",  # metrics of its own
    "uvicorn": "watchfiles",  # restarts when files change
}
_NEVER = "pydantic.v1"
"""FastAPI looks for its models when a route is made or first asked for, and there are none."""


def import_without_extras() -> None:
    """Import the libraries, unless they were imported before."""
    for library, extra in _UNUSED.items():
        with _hidden(extra):
            import_module(library)
    sys.modules.setdefault(_NEVER, cast("ModuleType", None))


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let imports of a module fail in the block, as if it were not there, unless it is loaded."""
    is_loaded = name in sys.modules
    if not is_loaded:
        sys.modules[name] = cast("ModuleType", None)
    try:
        yield
    finally:
        if not is_loaded:
            del sys.modules[name]
