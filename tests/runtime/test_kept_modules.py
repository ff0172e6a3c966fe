"""Modules are kept as they are, and whatever lies in the file's place, or changed, is no harm."""

import gc
import importlib
import os
import sys

import pytest

from runtime import kept_at_start
from runtime import kept_modules as kept
from runtime.kept_modules import kept_modules, without_docstrings

LIBRARY = '''
"""Docstring of the module."""
import json as other

def told():
    """Docstring of a function."""
    def inner():
        """Docstring of an inner one."""
        return [__file__, __name__, __package__, __cached__]
    return inner()

def returned():
    """The text that it returns."""
    return "The text that it returns."

class Shown:
    """Docstring of a class."""
    text = "Docstring of a class, and a text."
    class Inner:
        number = 1
    def method(self):
        """Docstring of a method."""

lines = [line for line in ("a", "b")]
'''


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file of all names, which does not exist yet, where Python may write compiled modules."""
    file = tmp_path / "kept"
    monkeypatch.setattr(kept, "file_of", lambda name: file)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of libraries, each of which is unloaded behind the test."""
    folder = tmp_path / "libraries"
    (folder / "kept_package").mkdir(parents=True)
    (folder / "kept_library.py").write_text(LIBRARY)
    (folder / "kept_package" / "__init__.py").write_text("from kept_package import part\n")
    (folder / "kept_package" / "part.py").write_text("number = 5\n")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    unload()


def unload() -> None:
    for name in [each for each in sys.modules if each.startswith("kept_")]:
        del sys.modules[name]


def loaded(name: str):
    """Load a module anew, in a block."""
    unload()
    importlib.invalidate_caches()
    with kept_modules("api"):
        return importlib.import_module(name)


def is_kept(module) -> bool:
    return isinstance(module.__loader__, kept._Loader)


def test_the_second_time_modules_come_from_the_file_and_are_the_same(file, folder):
    first = loaded("kept_library")
    written = file.read_bytes()
    second = loaded("kept_library")
    assert (is_kept(first), is_kept(second)) == (False, True)
    assert file.read_bytes() == written
    assert second.told() == first.told()
    assert second.told()[0] == str(folder / "kept_library.py")
    assert second.lines == ["a", "b"]
    assert importlib.util.find_spec("kept_library").origin == first.__spec__.origin


def test_libraries_have_no_docstrings_and_their_texts_stay(file, folder):
    first = loaded("kept_library")
    assert first.told.__doc__ == "Docstring of a function."
    module = loaded("kept_library")
    shown = module.Shown
    docstrings = [each.__doc__ for each in (module, module.told, shown, shown.method, shown.Inner)]
    assert docstrings == ["…", "…", "…", "…", None]
    assert module.returned() == module.returned.__doc__ == "The text that it returns."
    assert shown.text == "Docstring of a class, and a text."


def test_ours_keep_their_docstrings(file, folder, monkeypatch):
    monkeypatch.setattr(kept, "_OURS", folder)
    loaded("kept_library")
    assert loaded("kept_library").told.__doc__ == "Docstring of a function."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("found = (lambda: 'no docstring')()", "no docstring"),
        ("found = [each + 'a' for each in 'b']", ["ba"]),
        ("class Used:\n  'twice'\n  found = 'twice'\nfound = Used.found", "twice"),
        ("def told():\n  'docstring'\n  return told.__doc__\nfound = told()", "…"),
        ("class Told:\n  'docstring'\nfound = Told.__doc__", "…"),
        ("class Told:\n  number = 1\nfound = Told.__doc__", None),
    ],
)
def test_texts_that_are_no_docstrings_stay(text, found):
    names = {}
    exec(without_docstrings(compile(text, "", "exec")), names)
    assert names["found"] == found


def test_packages_find_their_parts(file, folder):
    for is_second in (False, True):
        package = loaded("kept_package")
        assert package.part.number == 5
        assert (is_kept(package), is_kept(package.part)) == (is_second, is_second)
        assert package.__path__ == [str(folder / "kept_package")]


def test_a_source_that_changed_or_is_gone_is_not_taken_from_the_file(file, folder):
    loaded("kept_package")
    part = folder / "kept_package" / "part.py"
    part.write_text("number = 6\n")
    os.utime(part, ns=(1, 1))
    for is_second in (False, True):
        package = loaded("kept_package")
        assert package.part.number == 6
        assert (is_kept(package), is_kept(package.part)) == (True, is_second)
    part.unlink()
    with pytest.raises(ImportError):
        loaded("kept_package")


def test_a_source_whose_time_lost_its_fraction_is_the_same(file, folder):
    loaded("kept_library")
    source = folder / "kept_library.py"
    os.utime(source, (0, int(source.stat().st_mtime)))
    assert is_kept(loaded("kept_library"))


def test_processes_of_other_modules_share_the_file_until_a_source_is_gone(file, folder):
    for name in ("kept_library", "kept_package", "kept_library"):
        loaded(name)
    assert is_kept(loaded("kept_library"))
    assert is_kept(loaded("kept_package"))
    size = file.stat().st_size
    (folder / "kept_library.py").unlink()
    (folder / "kept_package" / "part.py").write_text("number = 70\n")
    loaded("kept_package")
    assert file.stat().st_size < size / 2


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"nothing",
        b"\0" * 100,
        "cut",
        "codes",
        "places",
        "another version",
        "another environment",
    ],
)
def test_a_damaged_file_or_another_environments_is_written_anew(file, folder, monkeypatch, damage):
    loaded("kept_library")
    whole = file.read_bytes()
    if damage == "cut":
        damage = whole[: len(whole) // 2]
    elif damage == "codes":  # as a power cut leaves blocks
        damage = whole[:-300] + bytes(300)
    elif damage == "places":
        damage = whole[:60] + bytes(40) + whole[100:]
    elif damage == "another version":
        damage = bytes([whole[0] + 1]) + whole[1:]
    elif damage == "another environment":
        damage = whole
        monkeypatch.setattr(sys, "path", [*sys.path, "/elsewhere"])
    file.write_bytes(damage)
    assert not is_kept(loaded("kept_library"))
    assert is_kept(loaded("kept_library"))


def test_nothing_is_written_where_python_may_not_or_cannot(file, folder, monkeypatch):
    file.mkdir()
    loaded("kept_library")
    assert [*file.parent.glob("kept*")] == [file], "nor is a part of it left"
    file.rmdir()
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loaded("kept_library")
    assert not file.exists()


@pytest.mark.parametrize("where", ["a link", "in the environment"])
def test_our_docstrings_stay_wherever_we_lie(file, folder, tmp_path, monkeypatch, where):
    if where == "a link":
        link = tmp_path / "current"
        link.symlink_to(folder)
        monkeypatch.syspath_prepend(str(link))
        monkeypatch.setattr(kept, "_OURS", link)
    else:
        monkeypatch.setattr(kept, "_OURS", folder)
        monkeypatch.setattr("sys.prefix", str(tmp_path))
    for _ in range(2):
        library = loaded("kept_library")
        assert library.told.__doc__ == "Docstring of a function."
    assert is_kept(library)


def test_hooks_before_pythons_own_see_every_module(file, folder, monkeypatch):
    class Hook:
        seen: list[str] = []  # noqa: RUF012 - for this test

        @classmethod
        def find_spec(cls, name, path=None, target=None):
            cls.seen.append(name)

    loaded("kept_library")
    monkeypatch.setattr(sys, "meta_path", [Hook, *sys.meta_path])
    assert is_kept(loaded("kept_library"))
    assert "kept_library" in Hook.seen


def test_behind_the_block_all_is_as_before(file, folder):
    before = [*sys.meta_path]
    loaded("kept_library")
    with pytest.raises(ZeroDivisionError), kept_modules("api"):
        1 / 0  # noqa: B018
    assert sys.meta_path == before


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["/srv/pacegraph/cli.py", "api", "--port", "8000"], True),
        (["/opt/venv/bin/pacegraph", "api"], True),
        (["/srv/pacegraph/cli.py", "worker"], False),
        (["/opt/venv/bin/pytest", "api"], False),
        (["cli.py"], False),
        (["-c"], False),
    ],
)
def test_it_begins_in_api_processes_only(file, arguments, begins):
    before = [*sys.meta_path]
    try:
        kept_at_start.begin_for(arguments)
        assert (sys.meta_path != before) == (not gc.isenabled()) == begins
    finally:
        kept_at_start.end()
        gc.enable()
    assert sys.meta_path == before
