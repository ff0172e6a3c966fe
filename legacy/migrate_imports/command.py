"""Runs `migrate-imports` over a file or a folder, and reports what it did."""

import sys
from pathlib import Path

from legacy.migrate_imports.files import (
    Unreadable,
    diff,
    exported_names,
    python_files,
    read,
    reads_settings,
    write_atomically,
)
from legacy.migrate_imports.module_rewrite import rewrite
from legacy.migrate_imports.own_modules import OwnModules
from legacy.migrate_imports.remark import Remark
from logs import tell


def migrate_imports(path: Path, *, write: bool) -> int:
    """Rewrite the Python files at `path`, or without `write` print the changes as a diff.

    Returns 0 if everything could be rewritten, 1 if a place or an unreadable file is left to do by
    hand, 2 if there is no such path.
    """
    if not path.exists():
        tell(f"{path}: there is no such file or folder")
        return 2
    found = list(python_files(path))
    files = [each for each in found if isinstance(each, Path)]
    remarks = [each for each in found if isinstance(each, Remark)]
    exported = exported_names(files)
    has_settings = any(reads_settings(each, OwnModules(each, path)) for each in files)
    changed = 0
    for file in files:
        has_changed, of_file = _migrate(
            file, path, exported[file.stem], has_settings=has_settings, write=write
        )
        changed += has_changed
        remarks += of_file
    for remark in remarks:
        print(remark, file=sys.stderr)
    left = sum(remark.is_left for remark in remarks)
    done = "changed" if write else "would change (--write changes them)"
    print(
        f"{len(files)} files read, {changed} {done}; {left} places left to do by hand",
        file=sys.stderr,
    )
    return 1 if left else 0


def _migrate(
    file: Path, top: Path, exported: set[str], *, has_settings: bool, write: bool
) -> tuple[bool, list[Remark]]:
    try:
        before = read(file)
        after, remarks = rewrite(
            before, file, OwnModules(file, top), exported, reads_settings=has_settings
        )
        if after == before:
            return False, remarks
        if write:
            write_atomically(file, after)
        else:
            sys.stdout.write(diff(file, before, after))
    except Unreadable as error:
        return False, [Remark(file, error.line, str(error))]
    return True, remarks
