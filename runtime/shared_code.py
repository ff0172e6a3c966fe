"""Code as `marshal` reads it, with equal parts once, whatever module they are of.

`marshal.dumps` writes a part twice unless both are one object, and the names of a function's
variables never are. Of an API process's 1,500 modules that is a seventh of their memory.
"""

import marshal
import sys
from collections.abc import Hashable, Sequence
from itertools import count
from struct import Struct
from types import CodeType
from typing import Any

_number, _numbers = Struct("<i").pack, Struct("<5i").pack
_VERSION = (3, 11)
_SHORT = 256
_AGAIN = 0x80
"""Marks what may be named again, in the order in which it comes."""
_LOCAL, _CELL, _FREE = 0x20, 0x40, 0x80
"""What a variable is: a local one, one for inner functions, one of an outer function."""


def dumps(codes: Sequence[CodeType]) -> bytes:
    """Write codes for `marshal.loads`, which gives a tuple of them.

    What is written here is the code of Python 3.11. Others' parts are written as often as they come.
    """
    if sys.version_info[:2] != _VERSION:
        return marshal.dumps(tuple(codes))
    return _Writer().write(codes)


class _Writer:
    """Writes what `marshal` calls version 4."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._marked = count()
        self._texts: dict[str, bytes] = {}
        self._known_names: dict[str, bytes] = {}
        self._others: dict[Hashable, bytes] = {}

    def write(self, codes: Sequence[CodeType]) -> bytes:
        self._parts.append(b"(" + _number(len(codes)))
        for each in codes:
            self._code(each)
        return b"".join(self._parts)

    def _code(self, code: CodeType) -> None:
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        instructions = code.co_code
        self._parts += (
            b"c" + _numbers(*counts, code.co_stacksize, code.co_flags),
            b"s" + _number(len(instructions)),
            instructions,
        )
        self._constants(code.co_consts)
        self._names(code.co_names)
        self._variables(code)
        for name in (code.co_filename, code.co_name, code.co_qualname):
            self._text(name, is_name=True)
        self._parts.append(_number(code.co_firstlineno))
        self._bytes(code.co_linetable)
        self._bytes(code.co_exceptiontable)

    def _variables(self, code: CodeType) -> None:
        own, cells, free = code.co_varnames, code.co_cellvars, code.co_freevars
        only_cells = tuple(each for each in cells if each not in own)
        self._names(own + only_cells + free)
        kinds = [_LOCAL | _CELL if each in cells else _LOCAL for each in own]
        self._bytes(bytes([*kinds, *[_CELL] * len(only_cells), *[_FREE] * len(free)]))

    def _is_written(self, key: Hashable) -> bool:
        """Write where an equal part came, or note that it comes now."""
        place = self._others.get(key)
        if place is None:
            self._others[key] = self._next_place()
            return False
        self._parts.append(place)
        return True

    def _next_place(self) -> bytes:
        return b"r" + _number(next(self._marked))

    def _names(self, names: tuple[str, ...]) -> None:
        if not self._is_written(names):
            self._parts.append(_tuple_head(names, _AGAIN))
            for each in names:
                self._text(each, is_name=True)

    def _text(self, text: str, *, is_name: bool) -> None:
        places = self._known_names if is_name else self._texts
        place = places.get(text)
        if place is not None:
            self._parts.append(place)
            return
        places[text] = self._next_place()
        if not text.isascii():
            data = text.encode(errors="surrogatepass")
            head = bytes((ord("t" if is_name else "u") | _AGAIN,)) + _number(len(data))
        elif len(text) < _SHORT:
            data = text.encode()
            head = bytes((ord("Z" if is_name else "z") | _AGAIN, len(data)))
        else:
            data = text.encode()
            head = bytes((ord("A" if is_name else "a") | _AGAIN,)) + _number(len(data))
        self._parts += (head, data)

    def _bytes(self, data: bytes) -> None:
        if not self._is_written(data):
            self._parts += (bytes((ord("s") | _AGAIN,)) + _number(len(data)), data)

    def _constants(self, constants: tuple[Any, ...]) -> None:
        # Equal numbers may differ in type and sign: what is written of them does not.
        has_code = any(isinstance(each, CodeType) for each in constants)
        key = None if has_code else (tuple, marshal.dumps(constants, 2))
        if key is not None and self._is_written(key):
            return
        self._parts.append(_tuple_head(constants, 0 if key is None else _AGAIN))
        for each in constants:
            self._constant(each)

    def _constant(self, constant: Any) -> None:
        kind = type(constant)
        if kind is str:
            self._text(constant, is_name=_is_name(constant))
        elif kind is bytes:
            self._bytes(constant)
        elif kind is CodeType:
            self._code(constant)
        elif kind is tuple:
            self._constants(constant)
        else:
            written = marshal.dumps(constant, 2)  # without marks
            if len(written) == 1:  # None, a truth value, …
                self._parts.append(written)
            elif not self._is_written((object, written)):
                self._parts += (bytes((written[0] | _AGAIN,)), written[1:])


def _tuple_head(values: tuple[Any, ...], mark: int) -> bytes:
    if len(values) < _SHORT:
        return bytes((ord(")") | mark, len(values)))
    return bytes((ord("(") | mark,)) + _number(len(values))


def _is_name(text: str) -> bool:
    """Tell whether Python keeps one object of such a text in code."""
    return text.isascii() and text.replace("_", "a").isalnum()
