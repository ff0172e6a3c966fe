"""Imports libraries without what they would use only because it happens to be installed.

Some look for other packages and import them if they are there: some 13 MB and a sixth of the time
that an API process takes to start, for what it never does.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, cast

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
    with _models_later():
        import_module("fastapi")


@contextmanager
def _models_later() -> Iterator[None]:
    """Have pydantic build the block's models when they are first used.

    FastAPI's are those of OpenAPI documents, which hardly anybody asks a process for.
    """
    from pydantic import BaseModel

    config, rebuild = BaseModel.model_config, BaseModel.__dict__["model_rebuild"]

    def later(model: type[BaseModel], /, **options: Any) -> bool | None:
        # The first use gives options, the declaring module none.
        rebuilt: bool | None = rebuild.__func__(model, **options) if options else None
        return rebuilt

    BaseModel.model_config = {**config, "defer_build": True}
    BaseModel.model_rebuild = classmethod(later)  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        BaseModel.model_config, BaseModel.model_rebuild = config, rebuild  # type: ignore[method-assign]


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
