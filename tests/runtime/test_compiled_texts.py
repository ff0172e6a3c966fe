"""What Python compiles of texts while modules load is kept, and whatever lies in its place is no harm."""

import builtins
import collections
import dataclasses
import re
import typing
from dataclasses import dataclass, make_dataclass
from typing import NamedTuple

import pytest

from runtime import compiled_texts
from runtime.compiled_texts import kept_compiled


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file of all names, which does not exist yet, where Python may write compiled modules."""
    file = tmp_path / "kept"
    monkeypatch.setattr(compiled_texts, "file_of", lambda name: file)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return file


def declared() -> tuple[type, type]:
    """Declare classes as modules do, in a block, and try them."""
    with kept_compiled("api"):

        @dataclass(frozen=True, slots=True, order=True)
        class Run:
            meters: int
            name: str = "Morgenlauf"

        class Pair(NamedTuple):
            left: int
            right: int

        reference = typing.ForwardRef("dict[str, int]")
        patterns = [
            re.compile(r"(?P<minutes>\d+):(\d\d)"),
            re.compile(rb"[A-Z]\xff+", re.IGNORECASE),
            re.compile("[\ud800ä-ü]+(?i:RUN)", re.VERBOSE),
        ]
    re.purge()
    assert patterns[0].fullmatch("12:30").groupdict() == {"minutes": "12"}
    assert patterns[1].flags & re.IGNORECASE
    assert patterns[1].fullmatch(b"q\xff\xff")
    assert patterns[2].fullmatch("öärun")
    assert repr(Run(5)).endswith("Run(meters=5, name='Morgenlauf')")
    assert Run(5) < Run(6)
    assert hash(Run(5)) == hash(Run(5, "Morgenlauf"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Run(5).meters = 6
    assert Pair(1, right=2) == (1, 2)
    assert eval(reference.__forward_code__) == dict[str, int]
    return Run, Pair


def test_the_second_time_nothing_is_compiled(file, monkeypatch):
    declared()
    written = file.read_bytes()

    def compile_nothing(*arguments, **options):
        raise AssertionError(arguments)

    with monkeypatch.context() as patched:
        patched.setattr(re._compiler, "_code", compile_nothing)
        patched.setattr(builtins, "compile", compile_nothing)
        declared()
        assert file.read_bytes() == written
        with pytest.raises(AssertionError), kept_compiled("api"):
            re.compile("another")
    monkeypatch.setattr(builtins, "compile", compile_nothing)
    with pytest.raises(AssertionError, match="other"), kept_compiled("api"):
        make_dataclass("Other", ["other"])


def with_field(name: str) -> type:
    """Declare a class of its own texts, in a block."""
    with kept_compiled("api"):
        return make_dataclass("Run", [("meters", int), (name, int)])


def test_a_text_that_changed_is_compiled_and_what_is_no_more_goes(file):
    assert with_field("seconds")(1, 2).seconds == 2
    alone = file.stat().st_size
    for number in range(10):
        name = f"seconds{number}"
        assert getattr(with_field(name)(1, 2), name) == 2
    assert alone < file.stat().st_size < 2.2 * alone


def test_processes_of_other_modules_leave_each_other_what_they_need(file):
    for name in ("seconds", "minutes"):
        with_field(name)
    written = file.read_bytes()
    for name in ("seconds", "minutes", "seconds"):
        with_field(name)
    assert file.read_bytes() == written


def test_what_another_process_wrote_meanwhile_stays(file):
    with_field("minutes")
    of_another = file.read_bytes()
    file.unlink()
    with kept_compiled("api"):
        make_dataclass("Run", [("meters", int), ("seconds", int)])
        file.write_bytes(of_another)
    written = file.read_bytes()
    for name in ("seconds", "minutes"):
        with_field(name)
    assert file.read_bytes() == written


@pytest.mark.parametrize("damage", [b"", b"nothing", b"\0" * 100, "cut", "another version"])
def test_a_damaged_file_is_written_anew(file, damage):
    declared()
    whole = file.read_bytes()
    if damage == "cut":
        damage = whole[: len(whole) // 2]
    elif damage == "another version":
        damage = bytes([whole[0] + 1]) + whole[1:]
    file.write_bytes(damage)
    declared()
    assert file.read_bytes() == whole


def test_nothing_is_written_where_python_may_not_or_cannot(file, monkeypatch):
    file.mkdir()
    declared()
    assert [*file.parent.iterdir()] == [file], "nor is a part of it left"
    file.rmdir()
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    declared()
    assert not file.exists()


def test_behind_the_block_all_is_as_before(file):
    with pytest.raises(SyntaxError), kept_compiled("api"):
        typing.ForwardRef("1 +")
    assert not {"exec", "eval", "compile"} & (vars(dataclasses).keys() | vars(collections).keys())
    assert "compile" not in vars(typing)
    assert re._compiler.compile is compiled_texts._compile_pattern
    with pytest.raises(re.error), kept_compiled("api"):
        re.compile("[")
    assert re._compiler._sre is compiled_texts._sre


def test_patterns_that_are_no_plain_text_are_compiled_as_ever(file):
    class Text(str):
        __slots__ = ()

    for _ in range(2):
        with kept_compiled("api"):
            re.purge()
            assert re.compile(Text("a+b")).fullmatch("aab")
            scanner = re.Scanner([(r"\d+", lambda _, text: int(text)), (r"\s+", None)])
        assert scanner.scan("12 7") == ([12, 7], "")
