"""Code that is read again is the code that was written, with equal parts once."""

import marshal
import sys
from importlib.machinery import SourceFileLoader
from types import CodeType

import pytest

from runtime import shared_code

PARTS = [each for each in dir(CodeType) if each.startswith("co_")]
METHODS = ("co_lines", "co_positions", "co_lnotab")

TEXT = """
def outer(one, /, two: "int" = 1, *rest, three=(1, 1.0, True, -0.0, 0.0, 0, False), **named):
    cell, used = one, {1, "a", b"a", None, ...}
    def inner(argument):
        nonlocal cell
        cell = argument, free_argument(lambda: argument), two
        return cell, 10**30, 1j, -1j, "é", "\\ud800", "a" * 2, "", b"", "not a name", used
    class Inner:
        text = [each for each in (1, (2, (3.5,)), "x", frozenset({4})) if each in {4, 5}]
    return inner, Inner, "LONG", "long é"
async def coroutine():
    async with one as two:
        yield await two
""".replace("LONG", "a" * 300).replace("long", "b" * 300)


def same(one: object, other: object) -> bool:
    """Tell whether constants are equal in type and in every part."""
    if type(one) is not type(other):
        return False
    if isinstance(one, CodeType):
        return [*one.co_positions()] == [*other.co_positions()] and all(
            same(getattr(one, part), getattr(other, part)) for part in PARTS if part not in METHODS
        )
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, frozenset):
        return one == other and {type(each) for each in one} == {type(each) for each in other}
    return repr(one) == repr(other)


def test_codes_are_the_same():
    of_modules = [
        each.__loader__.get_code(name)
        for name, each in [*sys.modules.items()]
        if type(getattr(each, "__loader__", None)) is SourceFileLoader
        and each.__loader__.name == name
    ]
    codes = [compile(TEXT, "a file", "exec", optimize=level) for level in (0, 1, 2)] + of_modules
    assert len(codes) > 100
    assert same(marshal.loads(shared_code.dumps(codes)), tuple(codes))


def test_no_code_is_written():
    assert marshal.loads(shared_code.dumps([])) == ()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="others' parts are written each time")
def test_equal_parts_are_one_object_whatever_module_they_are_of():
    text = "def told(of_name):\n  return of_name.other, 'some text', ('a', 1.5, of_name.last)"
    both = [compile(text, name, "exec").co_consts[0] for name in ("a file", "another")]
    one, other = marshal.loads(shared_code.dumps(both))
    for part in ("co_names", "co_consts", "co_linetable", "co_exceptiontable"):
        assert getattr(one, part) is getattr(other, part)
    assert len(shared_code.dumps(both)) < len(marshal.dumps(both))


def test_another_pythons_code_is_written_as_it_writes_it(monkeypatch):
    codes = [compile(TEXT, name, "exec") for name in ("a file", "another")]
    shared = shared_code.dumps(codes)
    monkeypatch.setattr(shared_code, "_VERSION", (3, 0))
    own = shared_code.dumps(codes)
    assert same(marshal.loads(own), tuple(codes))
    assert sys.version_info[:2] != (3, 11) or len(own) > len(shared)
