"""Keeps the compiled modules that a process loads in one file, beside Python's own.

An API process loads 1,600 modules. Python looks for each in folders, and has a file of each to open
and to read; here it is found by its name, and its source is asked for one thing only, when it
changed. Libraries are kept without their docstrings, which no process shows, and what modules have
in common is kept once.
`docs/decisions/0045-kept-modules.md` has the figures.

A module whose source changed is loaded as ever, and so are all where the file is missing, damaged or
of another Python. As Python does with modules, the file is written where that is possible and
PYTHONDONTWRITEBYTECODE is not set.
"""

import marshal
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dis import hasconst, opmap
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from inspect import CO_NEWLOCALS, CO_OPTIMIZED
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple
from zlib import crc32

from runtime import shared_code
from runtime.kept_file import file_beside, write_whole

_OURS = Path(__file__).parents[1]
"""As the search path spells it: a link is not followed, as it is not in a module's source."""
_SIZE_BYTES = 8
_HEAD_BYTES = len(MAGIC_NUMBER) + 3 * _SIZE_BYTES
_DOCSTRING = "…"
"""What stands for each docstring."""
_LARGEST_BYTE = 255
_LOAD, _STORE = opmap["LOAD_CONST"], opmap["STORE_NAME"]
_DAMAGED = (OSError, EOFError, ValueError, TypeError, KeyError, BufferError)


class _KeptModule(NamedTuple):
    """A module: its source, and the folder of a package.

    The time is in whole seconds, as Python keeps it: layers of images have no others.
    """

    source: str
    folder: str | None
    changed_s: int
    size: int


@contextmanager
def kept_modules(name: str) -> Iterator[None]:
    """Load modules in the block from what was kept when a block of this `name` ran before."""
    finder = _Finder(file_of(name))
    # Behind the hooks of tools that watch imports, which are to see these, too.
    at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
    sys.meta_path.insert(at, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
    finder.write()


def file_of(name: str) -> Path:
    """Get the file of a name. Each version of Python has its own."""
    return file_beside(__file__, name)


class _Loader(SourceFileLoader):
    """Loads a module once by code that was kept."""

    def __init__(self, name: str, source: str, codes: dict[str, CodeType]) -> None:
        super().__init__(name, source)
        self._codes = codes

    def get_code(self, fullname: str) -> CodeType | None:
        kept = self._codes.pop(fullname, None)
        return super().get_code(fullname) if kept is None else kept


class _Finder(MetaPathFinder):
    """The modules of one file, and the names of those that were not in it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept, self._codes = _read(file)
        self._missed: list[str] = []

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib gives it
        target: ModuleType | None = None,  # noqa: ARG002 - importlib gives it
    ) -> ModuleSpec | None:
        kept = self._kept.get(fullname)
        if kept is None or not _is_current(kept):
            self._missed.append(fullname)
            return None
        return spec_from_file_location(
            fullname,
            kept.source,
            loader=_Loader(fullname, kept.source, self._codes),
            submodule_search_locations=None if kept.folder is None else [kept.folder],
        )

    def write(self) -> None:
        """Write what was loaded, if some of it is new and Python may write compiled modules."""
        self._codes.clear()
        if sys.dont_write_bytecode:
            return
        new = {name: found for name in self._missed if (found := _compiled(name)) is not None}
        if not new:
            return
        kept, codes = _read(self._file)
        others = {
            name: (module, codes[name])
            for name, module in kept.items()
            if name not in new and _is_current(module)
        }
        write_whole(self._file, _written(others | new))


def _is_current(kept: _KeptModule) -> bool:
    try:
        found = os.stat(kept.source)  # noqa: PTH116 - a Path takes as long as the rest
    except OSError:
        return False
    return (int(found.st_mtime), found.st_size) == (kept.changed_s, kept.size)


def _compiled(name: str) -> tuple[_KeptModule, CodeType] | None:
    """Get a loaded module, and its code.

    None: it was not loaded, or not from a source.
    """
    spec = getattr(sys.modules.get(name), "__spec__", None)
    loader = getattr(spec, "loader", None)
    if spec is None or spec.name != name or not isinstance(loader, SourceFileLoader):
        return None
    try:
        source = loader.get_filename(name)
        found = os.stat(source)  # noqa: PTH116 - as above
        code = loader.get_code(name)
    except Exception:  # noqa: BLE001 - a source that changes now is read again at the next start
        return None
    if code is None:
        return None
    folders = spec.submodule_search_locations
    if folders is not None and len(folders) != 1:
        return None
    if not _is_ours(source):
        code = without_docstrings(code)
    folder = None if folders is None else folders[0]
    return _KeptModule(source, folder, int(found.st_mtime), found.st_size), code


def _is_ours(source: str) -> bool:
    """Tell whether a source is no library's. The environment may lie in our folder, or we in it."""
    path = Path(source)
    is_here = path.is_relative_to(_OURS)
    return is_here and (_OURS.is_relative_to(sys.prefix) or not path.is_relative_to(sys.prefix))


def without_docstrings(code: CodeType) -> CodeType:
    """Put a short text in the place of code's docstrings, unless they are used otherwise, too.

    Not none: some libraries demand one, and dataclasses without one write it.
    """
    constants = [
        without_docstrings(each) if isinstance(each, CodeType) else each for each in code.co_consts
    ]
    place = _docstring_of(code)
    if place is not None and isinstance(constants[place], str):
        constants[place] = _DOCSTRING
    return code.replace(co_consts=tuple(constants))


def _docstring_of(code: CodeType) -> int | None:
    """Get which constant is only the docstring of a function, a class or a module."""
    instructions, names = code.co_code, code.co_names
    if code.co_flags & CO_OPTIMIZED and code.co_flags & CO_NEWLOCALS:  # a function's is the first
        is_used = any(bytes((each, 0)) in instructions for each in hasconst)
        return None if is_used or not code.co_consts else 0
    if "__doc__" not in names or (name := names.index("__doc__")) > _LARGEST_BYTE:
        return None
    pairs = [instructions[at : at + 2] for at in range(0, len(instructions), 2)]
    for before, after in pairwise(pairs):
        if before[0] == _LOAD and after == bytes((_STORE, name)):
            return before[1] if pairs.count(before) == 1 else None
    return None


def _written(modules: dict[str, tuple[_KeptModule, CodeType]]) -> list[bytes]:
    """Get the parts of the file: a head, the modules, and their codes in the same order."""
    kept = {name: tuple(module) for name, (module, _) in modules.items()}
    index = marshal.dumps((_environment(), kept))
    codes = shared_code.dumps([code for _, code in modules.values()])
    numbers = (crc32(codes, crc32(index)), len(index), len(codes))
    head = [MAGIC_NUMBER, *(each.to_bytes(_SIZE_BYTES, "big") for each in numbers)]
    return [*head, index, codes]


def _read(file: Path) -> tuple[dict[str, _KeptModule], dict[str, CodeType]]:
    """Read modules and their codes. Nothing is kept where the file is of no use."""
    try:
        with (
            file.open("rb") as opened,
            mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            return _read_from(data)
    except _DAMAGED:
        return {}, {}


def _read_from(data: memoryview) -> tuple[dict[str, _KeptModule], dict[str, CodeType]]:
    checksum, index, codes = (
        int.from_bytes(data[at : at + _SIZE_BYTES], "big")
        for at in range(len(MAGIC_NUMBER), _HEAD_BYTES, _SIZE_BYTES)
    )
    begin = _HEAD_BYTES + index
    is_whole = len(data) == begin + codes and crc32(data[_HEAD_BYTES:]) == checksum
    if not is_whole or data[: len(MAGIC_NUMBER)] != MAGIC_NUMBER:
        return {}, {}
    environment, modules = marshal.loads(data[_HEAD_BYTES:begin])  # noqa: S302 - as trusted as Python's own files
    if environment != _environment():
        return {}, {}
    kept = {name: _KeptModule(*module) for name, module in modules.items()}
    return kept, dict(zip(kept, marshal.loads(data[begin:]), strict=True))  # noqa: S302 - as above


def _environment() -> tuple[str, int, tuple[str, ...]]:
    """What decides which modules are loaded: another environment's are elsewhere."""
    return sys.prefix, sys.flags.optimize, tuple(sys.path)
