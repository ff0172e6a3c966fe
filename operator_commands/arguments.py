"""Arguments of the commands. It imports nothing of them, so that help is quick."""

import argparse
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import logs
from settings import wants_json_logs

_MOVED_AFTER_DAYS, _MOST_DAYS = 365, 36_500
_MOST_PARTITIONS = 256


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong in a line of the log, where only such are wanted."""

    def error(self, message: str) -> NoReturn:
        if not wants_json_logs():
            super().error(message)
        logs.tell(f"{message} ({self.format_usage().strip()})")
        self.exit(2)


def add_yes_argument(parser: argparse.ArgumentParser) -> None:
    """Add --yes."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `doctor`."""
    parser.add_argument(
        "--through",
        metavar="URL",
        type=_web_url,
        help="check instead what stands in front of the API: addresses, streams, limits",
    )


def _web_url(given: str) -> str:
    try:
        parts = urlsplit(given)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise argparse.ArgumentTypeError("must be an address such as https://runs.example")
    return given


def add_migrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `migrate`."""
    parser.add_argument(
        "--to",
        metavar="REVISION",
        help="target revision. Default: the newest; with --down, one step back",
    )
    parser.add_argument(
        "--down",
        action="store_true",
        help="revert instead of apply (with --to base: drops everything); asks before it drops "
        "rows or values",
    )
    add_yes_argument(parser)


def add_schema_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `schema`."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--check",
        action="store_true",
        help="compare it with schema.graphql; exit code 1 if they differ",
    )
    action.add_argument("--write", action="store_true", help="write it to schema.graphql")


def add_simulate_strava_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `simulate-strava`."""
    parser.add_argument("--port", type=int, default=8100, help="port to listen on (default: 8100)")


def add_strava_webhook_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `strava-webhook`."""
    actions = ["subscribe", "status", "unsubscribe"]
    parser.add_argument("action", choices=actions, help="begin, tell or end the subscription")


def add_trusted_documents_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `trusted-documents`."""
    parser.add_argument(
        "action", choices=["check"], help="check: validate each document, its limits and its cost"
    )
    parser.add_argument(
        "manifest",
        type=Path,
        metavar="MANIFEST",
        help="file written by Relay, Apollo or GraphQL Codegen",
    )


def add_schema_usage_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `schema-usage`."""
    parser.add_argument(
        "--days", type=int, default=90, metavar="N", help="of the last N days (default: 90)"
    )
    parser.add_argument("--all", action="store_true", help="list all that is used, too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--html", dest="form", action="store_const", const="html", help="as a page for a browser"
    )
    form.add_argument(
        "--json",
        dest="form",
        action="store_const",
        const="json",
        help="list all that is used, as JSON lines",
    )
    parser.set_defaults(form="markdown")


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `import`."""
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="FIT, GPX or TCX file, also with gzip; ZIP archive of such; or folder of either",
    )
    parser.add_argument(
        "--athlete", required=True, metavar="ID", help="the athlete's id, as GraphQL shows it"
    )
    parser.add_argument(
        "--visibility",
        choices=["ONLY_ME", "FOLLOWERS_ONLY", "EVERYONE"],
        default="ONLY_ME",
        help="audience of new activities where sharing is on (default: ONLY_ME)",
    )
    parser.add_argument("--dry-run", action="store_true", help="read and report, but write nothing")


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument(
        "to", type=Path, metavar="FILE", help="the archive, a ZIP; a file that is there is replaced"
    )
    parser.add_argument(
        "--athlete", required=True, metavar="ID", help="the athlete's id, as GraphQL shows it"
    )


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `backup`."""
    parser.add_argument("to", type=Path, metavar="PATH", help="a folder that does not exist")
    parser.add_argument(
        "--without-s3", action="store_true", help="leave out originals that are in S3"
    )
    _add_programs_arguments(parser)


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `restore`."""
    parser.add_argument("source", type=Path, metavar="PATH", help="the folder of a backup")
    parser.add_argument(
        "--replace", action="store_true", help="replace the rows of a database that is not empty"
    )
    parser.add_argument(
        "--forget-connections",
        action="store_true",
        help="forget Strava tokens that no key decrypts; activities stay",
    )
    add_yes_argument(parser)
    _add_programs_arguments(parser)


def _add_programs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs", type=int, choices=range(1, 65), default=2, metavar="N",
        help="tables at once (default: 2)",
    )  # fmt: skip
    parser.add_argument(
        "--programs",
        type=Path,
        metavar="FOLDER",
        help="folder of pg_dump and pg_restore (default: those of `pacegraph run`)",
    )


def add_rederive_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `rederive`."""
    parser.add_argument(
        "--athlete", metavar="ID", help="the athlete's id, as GraphQL shows it (default: all)"
    )
    parser.add_argument(
        "--again", action="store_true", help="also what was derived by today's rules already"
    )


def add_move_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `move-originals`."""
    parser.add_argument("--to", required=True, choices=["database", "folder", "s3"])
    parser.add_argument(
        "--athlete", metavar="ID", help="the athlete's id, as GraphQL shows it (default: all)"
    )


def add_move_samples_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `move-samples`."""
    add_move_arguments(parser)
    parser.add_argument(
        "--older-than",
        metavar="DAYS",
        type=_days,
        default=_MOVED_AFTER_DAYS,
        help="days since an activity began from which its samples are moved out of the database "
        f"(default: {_MOVED_AFTER_DAYS}); back into it all are moved",
    )


def add_partition_tables_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `partition-tables`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--partitions",
        type=_partitions,
        metavar="N",
        help=f"how many there are to be, of at most {_MOST_PARTITIONS}; 1: one table each again",
    )
    parser.add_argument(
        "--only",
        choices=["activities", "samples", "efforts"],
        help="leave the other tables; efforts are best efforts and personal bests",
    )
    what.add_argument("--status", action="store_true", help="tell how many there are")
    what.add_argument(
        "--cancel", action="store_true", help="give up what was begun; the tables stay as they were"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what it takes, but change nothing"
    )


def _partitions(text: str) -> int:
    count = int(text)
    if not 1 <= count <= _MOST_PARTITIONS:
        raise argparse.ArgumentTypeError(f"must be between 1 and {_MOST_PARTITIONS}")
    return count


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be between 0 and {_MOST_DAYS}")
    return days


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    add_parent_argument(parser)
    parser.add_argument("--home", type=Path, help="folder for all data (PACEGRAPH_HOME)")
    parser.add_argument(
        "--forget-connections",
        action="store_true",
        help="forget Strava tokens that no key decrypts; activities stay",
    )


def add_parent_argument(parser: argparse.ArgumentParser) -> None:
    """Add --with-parent."""
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the parent process ends"
    )


def add_api_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `api`."""
    parser.add_argument("--host", help="address to listen on (HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (PORT)")


def add_bench_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bench-serve`."""
    parser.add_argument(
        "--activities", type=int, default=200_000, help="number to write on first use"
    )
    add_parent_argument(parser)


def add_nothing(_parser: argparse.ArgumentParser) -> None:
    """Leave a command without arguments."""
