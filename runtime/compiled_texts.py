"""Keeps what Python compiles of texts while modules load, beside its own compiled modules.

Dataclasses and named tuples write their methods as text, which is compiled at each start: that is an
eighth of the time until an API process answers. `docs/decisions/0039-compiled-texts.md` has the
figures.

What is kept is found by the text, so it is never out of date. As Python does with modules, the file
lies in `__pycache__`, and is written where that is possible and PYTHONDONTWRITEBYTECODE is not set.
`python -m runtime.compiled_texts api web.app` writes it ahead, for an image.
"""

import collections
import dataclasses
import marshal
import os
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib import import_module
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any

_KEY_BYTES = 16
_REPLACED = (
    (dataclasses, "exec", "execute"),
    (collections, "eval", "evaluate"),
    (typing, "compile", "compiled"),
)
"""Modules, the builtin that each calls with texts, and what takes its place."""
_DAMAGED = (OSError, EOFError, ValueError, TypeError)


@contextmanager
def kept_compiled(name: str) -> Iterator[None]:
    """Load modules in the block with what was compiled when a block of this `name` ran before."""
    texts = _CompiledTexts(file_of(name))
    for module, builtin, method in _REPLACED:
        setattr(module, builtin, getattr(texts, method))
    try:
        yield
    finally:
        for module, builtin, _ in _REPLACED:
            delattr(module, builtin)
    texts.write()


def file_of(name: str) -> Path:
    """Get the file of a name. Each version of Python has its own."""
    module = Path(cache_from_source(__file__))
    return module.with_name(f"{module.stem}.{name}")


class _CompiledTexts:
    """The code of one file, and what was compiled in addition."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept = _read(file)
        self._used: dict[bytes, bytes] = {}
        self._codes: dict[tuple[str, str, str], CodeType] = {}
        self._is_new = False

    def execute(self, text: str, names: dict[str, Any], found: dict[str, Any]) -> None:
        """Do as `exec` does."""
        exec(self.compiled(text, "<string>", "exec"), names, found)  # noqa: S102 - a library's text

    def evaluate(self, text: str, names: dict[str, Any]) -> Any:
        """Do as `eval` does."""
        return eval(self.compiled(text, "<string>", "eval"), names)  # noqa: S307 - as above

    def compiled(self, text: str, filename: str, mode: str) -> CodeType:
        """Do as `compile` does. Raises SyntaxError."""
        asked = (text, filename, mode)
        code = self._codes.get(asked)
        if code is None:
            code = self._codes[asked] = self._find(text, filename, mode)
        return code

    def _find(self, text: str, filename: str, mode: str) -> CodeType:
        key = blake2b(f"{mode} {filename}\n{text}".encode(), digest_size=_KEY_BYTES).digest()
        packed = self._kept.get(key)
        if packed is None:
            code: CodeType = compile(text, filename, mode, dont_inherit=True)
            packed, self._is_new = marshal.dumps(code), True
        else:
            code = marshal.loads(packed)  # noqa: S302 - as trusted as Python's own files
        self._used[key] = packed
        return code

    def write(self) -> None:
        """Write what was used, if some of it is new and Python may write compiled modules."""
        if not self._is_new or sys.dont_write_bytecode:
            return
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with suppress(OSError):  # the folder cannot be written to, or the disk is full
            try:
                new.write_bytes(MAGIC_NUMBER + marshal.dumps(self._used))
                new.replace(self._file)
            finally:
                new.unlink(missing_ok=True)


def _read(file: Path) -> dict[bytes, bytes]:
    """Read a file. Nothing is kept where it is missing, damaged or of another Python."""
    try:
        data = file.read_bytes()
        if data.startswith(MAGIC_NUMBER):
            found = marshal.loads(memoryview(data)[len(MAGIC_NUMBER) :])  # noqa: S302 - as above
            return found if isinstance(found, dict) else {}
    except _DAMAGED:
        pass
    return {}


def main() -> None:
    """Write the file of a name, of what some modules need."""
    name, *modules = sys.argv[1:]
    with kept_compiled(name):
        for each in modules:
            import_module(each)


if __name__ == "__main__":
    main()
