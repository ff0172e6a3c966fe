"""The commands of the migration, which `cli` adds while this package exists."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from legacy.extra import ExtraMissing, require_extra
from logs import tell
from settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from legacy.uses import RecordedUse

Command = Callable[[argparse.Namespace], int]
Add = Callable[[str, Command, str], argparse.ArgumentParser]

_IMPORTS = Path(__file__).resolve().parent / "imports"


def add_commands(add: Add) -> None:
    """Add the commands. Each imports what it needs when it runs."""
    migrate = add(
        "migrate-imports",
        _migrate_imports,
        "rewrite imports of the older service's names in Python files",
    )
    migrate.add_argument(
        "path", type=Path, metavar="PATH", help="a file, or a folder to search for files"
    )
    migrate.add_argument(
        "--write",
        action="store_true",
        help="change the files; without it the changes are shown only",
    )
    uses = add(
        "legacy-uses",
        _legacy_uses,
        "show which old imports and routes are still used, where, and since when",
    )
    uses.add_argument("--json", action="store_true", help="as JSON")
    uses.add_argument("--forget", action="store_true", help="reset the counts after showing them")
    _add_adopt(add)
    add(
        "legacy-path",
        _legacy_path,
        "print the folder of the old import names, for the end of PYTHONPATH",
    )


def _add_adopt(add: Add) -> None:
    adopt = add(
        "adopt", _adopt, "adopt the rows of the older service's database (docs/adoption.md)"
    )
    adopt.add_argument(
        "--batch-size", type=int, default=500, metavar="N", help="rows a transaction (default: 500)"
    )
    adopt.add_argument(
        "--naive-times", metavar="ZONE", help="time zone of times without one (default: UTC)"
    )
    action = adopt.add_mutually_exclusive_group()
    action.add_argument(
        "--dry-run",
        action="store_true",
        help="report what would become of every row; write nothing",
    )
    action.add_argument("--rescan", action="store_true", help="read every row again")
    action.add_argument(
        "--finish", action="store_true", help="apply the last changes and drop the triggers"
    )
    action.add_argument(
        "--verify", action="store_true", help="compare everything; 1 if anything differs"
    )
    action.add_argument(
        "--undo",
        action="store_true",
        help="delete what was adopted, except rows that pacegraph has changed",
    )


def _adopt(options: argparse.Namespace) -> int:
    from legacy.adoption.command import AdoptionOptions, adopt

    flags = {
        name: getattr(options, name) for name in ("dry_run", "rescan", "finish", "verify", "undo")
    }
    return adopt(load_settings(), AdoptionOptions(options.batch_size, options.naive_times, **flags))


def _migrate_imports(options: argparse.Namespace) -> int:
    try:
        require_extra()
    except ExtraMissing as error:
        tell(str(error))
        return 2
    from legacy.migrate_imports.command import migrate_imports

    return migrate_imports(options.path, write=options.write)


def _legacy_uses(options: argparse.Namespace) -> int:
    from redis import RedisError

    from legacy.uses import counted_since, forget_uses, read_uses

    settings = load_settings()
    try:
        uses = read_uses(settings)
        print(_as_json(uses) if options.json else _as_table(uses))
        print(_since_line(counted_since(settings)), file=sys.stderr if options.json else sys.stdout)
        if options.forget:
            forget_uses(settings)
    except RedisError as error:
        tell(f"the counts cannot be read from Redis (REDIS_URL): {error}")
        return 1
    return 0


def _since_line(since: "datetime | None") -> str:
    if since is None:
        return (
            "But nothing was counted: no process that counts uses this Redis (REDIS_URL), "
            "or it lost the counts."
        )
    return f"Counted since {since:%Y-%m-%d %H:%M} UTC."


def _as_json(uses: "list[RecordedUse]") -> str:
    fields = [
        {
            **use.place._asdict(),
            "count": use.count,
            "first": use.first.isoformat(),
            "last": use.last.isoformat(),
        }
        for use in uses
    ]
    return json.dumps(fields, indent=2)


def _as_table(uses: "list[RecordedUse]") -> str:
    if not uses:
        return "Nothing old was used."
    rows = [("KIND", "NAME", "WHERE", "USES", "FIRST (UTC)", "LAST (UTC)")]
    rows += [
        (*use.place, str(use.count), f"{use.first:%Y-%m-%d %H:%M}", f"{use.last:%Y-%m-%d %H:%M}")
        for use in uses
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _legacy_path(_options: argparse.Namespace) -> int:
    print(_IMPORTS)
    return 0
