"""Commands of the migration, which `cli` adds to its own while this package is there."""

import argparse
from collections.abc import Callable
from pathlib import Path

Command = Callable[[argparse.Namespace], int]
Add = Callable[[str, Command, str], argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Add the commands; each imports what it needs when it runs."""
    migrate = add("migrate-imports", _migrate_imports, "rewrite imports of the older service's names in Python files")
    migrate.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder to search for files")
    migrate.add_argument("--write", action="store_true", help="change the files; without it the changes are shown only")


def _migrate_imports(options: argparse.Namespace) -> int:
    from legacy.migrate_imports import migrate_imports

    return migrate_imports(options.path, write=options.write)
