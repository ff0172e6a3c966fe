"""Keeps what Python compiles of texts while modules load, beside its own compiled modules.

Dataclasses and named tuples write their methods as text, which is compiled at each start: that is an
eighth of the time until an API process answers. Regular expressions are compiled, too.
`docs/decisions/0039-compiled-texts.md` has the figures.

What is kept is found by the text, so it is never out of date. As Python does with modules, the file
lies in `__pycache__`, and is written where that is possible and PYTHONDONTWRITEBYTECODE is not set.
Processes that load other modules share the file: each leaves there what the others need.
"""

import collections
import dataclasses
import marshal
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from re import Pattern
from re import _compiler as _patterns  # type: ignore[attr-defined]
from types import CodeType
from typing import Any

from runtime.kept_file import file_beside, write_whole

_KEY_BYTES = 16
_REPLACED = (
    (dataclasses, "exec", "execute"),
    (collections, "eval", "evaluate"),
    (typing, "compile", "compiled"),
)
"""Modules, the builtin that each calls with texts, and what takes its place."""
_compile_pattern, _sre = _patterns.compile, vars(_patterns)["_sre"]
_HEAD_BYTES = len(MAGIC_NUMBER) + blake2b().digest_size
_DAMAGED = (OSError, EOFError, ValueError, TypeError)


@contextmanager
def kept_compiled(name: str) -> Iterator[None]:
    """Load modules in the block with what was compiled when a block of this `name` ran before."""
    texts = _CompiledTexts(file_of(name))
    for module, builtin, method in _REPLACED:
        setattr(module, builtin, getattr(texts, method))
    compile_pattern = _patterns.compile
    _patterns.compile = texts.pattern
    try:
        yield
    finally:
        _patterns.compile = compile_pattern
        for module, builtin, _ in _REPLACED:
            delattr(module, builtin)
    texts.write()


def file_of(name: str) -> Path:
    """Get the file of a name. Each version of Python has its own."""
    return file_beside(__file__, name)


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

    def pattern(self, text: str | bytes, flags: int = 0) -> Pattern[Any]:
        """Do as the compiler of `re` does. Raises `re.error`."""
        if type(text) not in (str, bytes):  # what `re.Scanner` has parsed, or a subclass
            pattern: Pattern[Any] = _compile_pattern(text, flags)
            return pattern
        kind = f"pattern {_sre.MAGIC} {type(text).__name__} {flags}\n".encode()
        key = _key(
            kind + (text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
        )
        packed = self._kept.get(key)
        if packed is None:
            with _program_of_next() as program:
                pattern = _compile_pattern(text, flags)
            packed, self._is_new = marshal.dumps(tuple(program)), True
        else:
            pattern = _sre.compile(*marshal.loads(packed))  # noqa: S302 - as trusted as Python's own files
        self._used[key] = packed
        return pattern

    def _find(self, text: str, filename: str, mode: str) -> CodeType:
        key = _key(f"{mode} {filename}\n{text}".encode())
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
        packed = marshal.dumps(self._used | self._left_for_others())
        write_whole(self._file, (MAGIC_NUMBER, blake2b(packed).digest(), packed))

    def _left_for_others(self) -> dict[bytes, bytes]:
        """Get what others wrote and this process did not use, the newest first.

        It is at most as much as was used, so that texts that are no more go.
        """
        room = sum(map(len, self._used.values()))
        left = {}
        for key, packed in _read(self._file).items():
            room -= 0 if key in self._used else len(packed)
            if room < 0:
                break
            if key not in self._used:
                left[key] = packed
        return left


def _key(text: bytes) -> bytes:
    return blake2b(text, digest_size=_KEY_BYTES).digest()


@contextmanager
def _program_of_next() -> Iterator[list[Any]]:
    """Get what the C part of `re` is given for the next pattern that is compiled in the block."""
    program: list[Any] = []

    class Noted:
        def __getattr__(self, name: str) -> Any:
            return getattr(_sre, name)

        def compile(self, *arguments: Any) -> Any:
            text, flags, codes, *others = arguments
            program[:] = text, int(flags), [*map(int, codes)], *others
            return _sre.compile(*arguments)

    vars(_patterns)["_sre"] = Noted()
    try:
        yield program
    finally:
        vars(_patterns)["_sre"] = _sre


def _read(file: Path) -> dict[bytes, bytes]:
    """Read a file. Nothing is kept where it is missing, damaged or of another Python."""
    try:
        data = file.read_bytes()
        packed = memoryview(data)[_HEAD_BYTES:]
        if data.startswith(MAGIC_NUMBER + blake2b(packed).digest()):
            found = marshal.loads(packed)  # noqa: S302 - as above
            return found if isinstance(found, dict) else {}
    except _DAMAGED:
        pass
    return {}
