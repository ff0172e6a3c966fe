"""What Python compiles of texts while modules load is kept, and whatever lies in its place is no harm."""

import builtins
import collections
import dataclasses
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

    monkeypatch.setattr(builtins, "compile", compile_nothing)
    declared()
    assert file.read_bytes() == written
    with pytest.raises(AssertionError, match="other"), kept_compiled("api"):
        make_dataclass("Other", ["other"])


def test_a_text_that_changed_is_compiled_and_what_is_no_more_goes(file):
    declared()
    before = file.stat().st_size
    with kept_compiled("api"):
        changed = make_dataclass("Run", [("meters", int), ("seconds", int)])
    assert changed(1, 2).seconds == 2
    assert 0 < file.stat().st_size < before


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


def test_an_image_has_the_file_before_the_first_start(file, monkeypatch):
    monkeypatch.setattr("sys.argv", ["compiled_texts", "api", "dataclasses"])
    compiled_texts.main()
    assert not file.exists(), "nothing was compiled"
    declared()
    assert file.exists()
