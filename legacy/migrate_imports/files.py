"""Finds, reads, compares and writes Python files."""

import ast
import os
import shutil
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import unified_diff
from io import BytesIO
from pathlib import Path
from tokenize import detect_encoding
from warnings import catch_warnings, simplefilter

from legacy.migrate_imports.own_modules import OwnModules
from legacy.migrate_imports.remark import Remark
from legacy.old_names import OLD_MODULES

_NOT_OURS = {"__pycache__", "node_modules", "site-packages"}
_NO_NEWLINE = "\\ No newline at end of file"


class Unreadable(Exception):
    """A file cannot be read, parsed or written. `line` is 0 where the whole file is meant."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def python_files(path: Path) -> Iterator[Path | Remark]:
    """Find the Python files at or below `path`, sorted, and remarks on links that are skipped.

    Hidden folders, virtual environments and installed packages are skipped without a remark.
    """
    if not path.is_dir():
        yield path.resolve() if path.is_symlink() else path
        return
    top = path.resolve()
    for folder, folders, names in os.walk(path, onerror=None):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if _is_looked_at(here / name))
        for name in sorted(names):
            file = here / name
            if not _is_python(file):
                continue
            if not file.is_symlink():
                yield file
            elif not file.resolve().is_relative_to(top):
                yield Remark(
                    file,
                    0,
                    f"is a link to {file.resolve()}, outside {path}: left alone",
                    is_left=False,
                )


def _is_looked_at(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists()
    return not (
        folder.name.startswith(".")
        or folder.name in _NOT_OURS
        or is_environment
        or folder.is_symlink()
    )


def _is_python(file: Path) -> bool:
    """Decide by the ending, or for a script without one by its first line."""
    with suppress(OSError):
        if not stat.S_ISREG(file.stat().st_mode):
            return False
        if file.suffix:
            return file.suffix in {".py", ".pyi"}
        with file.open("rb") as opened:
            first = opened.readline(200)
        return first.startswith(b"#!") and b"python" in first
    return file.suffix == ".py"  # so that reading it says what is wrong


def read(file: Path) -> bytes:
    """Read a file's bytes. Raises Unreadable."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error


def exported_names(files: Iterable[Path]) -> defaultdict[str, set[str]]:
    """Collect the names that files import, by the last part of the module's name."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for file in files:
        for node in _imports(file):
            if isinstance(node, ast.ImportFrom) and (node.level or node.module not in OLD_MODULES):
                names[(node.module or "__init__").rpartition(".")[2]] |= {
                    alias.name for alias in node.names
                }
    return names


def reads_settings(file: Path, own: OwnModules) -> bool:
    """Whether a file imports the settings of the older service or of pacegraph."""
    modules: set[str] = set()
    for node in _imports(file):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif not node.level and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    old, new = "core.config", "settings"
    is_old = old in modules and own.in_place_of_old(old) is None
    return is_old or (new in modules and own.in_place_of_new(new) is None)


def _imports(file: Path) -> list[ast.Import | ast.ImportFrom]:
    """Find a file's import statements; none if it cannot be read, which `read` reports later."""
    with suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError), catch_warnings():
        simplefilter("ignore")  # the application's own warnings: it is only parsed here
        tree = ast.parse(file.read_bytes())
        return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return []


def write_atomically(file: Path, data: bytes) -> None:
    """Replace a file at once, keeping its mode and owner. Raises Unreadable."""
    new: str | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=file.parent, prefix=f".{file.name}.", delete=False
        ) as opened:
            new = opened.name
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        shutil.copystat(file, new)
        os.utime(new)
        owner = file.stat()
        with suppress(PermissionError):
            os.chown(new, owner.st_uid, owner.st_gid)
        Path(new).replace(file)
    except OSError as error:
        if new is not None:
            Path(new).unlink(missing_ok=True)
        raise Unreadable(f"cannot be written: {error.strerror}") from error


def diff(file: Path, before: bytes, after: bytes) -> str:
    """Write the unified diff that `patch -p1` applies."""
    encoding, _ = detect_encoding(BytesIO(before).readline)
    texts = [data.decode(encoding).split("\n") for data in (before, after)]
    # A text without a final newline has no empty last part.
    lines = [
        [f"{line}\n" for line in text[:-1]] + ([text[-1]] if text[-1] else []) for text in texts
    ]
    name = file.as_posix().lstrip("/")
    found = unified_diff(lines[0], lines[1], fromfile=f"a/{name}", tofile=f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n" for line in found)
