"""Commands of the migration, which `cli` adds to its own while this package is there."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from settings import load_settings

if TYPE_CHECKING:
    from legacy.uses import Use

Command = Callable[[argparse.Namespace], int]
Add = Callable[[str, Command, str], argparse.ArgumentParser]

_IMPORTS = Path(__file__).resolve().parent / "imports"


def add_commands(add: Add) -> None:
    """Add the commands; each imports what it needs when it runs."""
    migrate = add("migrate-imports", _migrate_imports, "rewrite imports of the older service's names in Python files")
    migrate.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder to search for files")
    migrate.add_argument("--write", action="store_true", help="change the files; without it the changes are shown only")
    uses = add("legacy-uses", _legacy_uses, "show which old imports and routes are still used, where, and since when")
    uses.add_argument("--json", action="store_true", help="as JSON")
    uses.add_argument("--forget", action="store_true", help="begin to count anew, after they are shown")
    add("legacy-path", _legacy_path, "print the folder of the old import names, for the end of PYTHONPATH")


def _migrate_imports(options: argparse.Namespace) -> int:
    from legacy.migrate_imports import migrate_imports

    return migrate_imports(options.path, write=options.write)


def _legacy_uses(options: argparse.Namespace) -> int:
    from redis import RedisError

    from legacy.uses import forget_uses, read_uses

    settings = load_settings()
    try:
        uses = read_uses(settings)
        print(_as_json(uses) if options.json else _as_table(uses))
        if options.forget:
            forget_uses(settings)
    except RedisError as error:
        print(f"pacegraph: Redis (REDIS_URL) does not tell what is used: {error}", file=sys.stderr)
        return 1
    return 0


def _as_json(uses: "list[Use]") -> str:
    fields = [
        {**use.place._asdict(), "count": use.count, "first": use.first.isoformat(), "last": use.last.isoformat()}
        for use in uses
    ]
    return json.dumps(fields, indent=2)


def _as_table(uses: "list[Use]") -> str:
    if not uses:
        return "Nothing old was used since the counting began."
    rows = [("KIND", "NAME", "WHERE", "USES", "FIRST (UTC)", "LAST (UTC)")]
    rows += [(*use.place, str(use.count), f"{use.first:%Y-%m-%d %H:%M}", f"{use.last:%Y-%m-%d %H:%M}") for use in uses]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _legacy_path(_options: argparse.Namespace) -> int:
    print(_IMPORTS)
    return 0
