"""`pacegraph flags`: shows the flags, changes them, and shows the log of changes."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import logs
from flags.definition import DEFINITIONS
from flags.rollout import InvalidRollout, read_state
from flags.switches import Flag
from flags.targeting import InvalidKey, read_key
from settings import Settings

_NAMES = ", ".join(Flag)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pacegraph flags`."""
    parser.set_defaults(action="list", json=False)
    parser.add_argument("--json", action="store_true", help="print as JSON")
    actions = parser.add_subparsers(metavar="action")
    change = actions.add_parser("set", help="switch a flag in all processes immediately")
    change.set_defaults(action="set")
    change.add_argument("flag", metavar="NAME", help=_NAMES)
    change.add_argument(
        "state",
        metavar="VALUE",
        help="on; off (for all callers, including those on a list); or 25%%",
    )
    for word in ("on", "off"):
        change.add_argument(
            f"--{word}-for", nargs="*", metavar="KEY",
            help=f"callers it is {word} for, regardless of the percentage, such as athlete:12, "
            "account:3 or address:192.0.2.7. Without a KEY, empties the list. Omitted: unchanged",
        )  # fmt: skip
    change.add_argument("--reason", default="", metavar="TEXT", help="reason, for the log")
    reset = actions.add_parser("reset", help="apply the setting again")
    reset.set_defaults(action="reset")
    reset.add_argument("flag", metavar="NAME", help=_NAMES)
    reset.add_argument("--reason", default="", metavar="TEXT", help="reason, for the log")
    log = actions.add_parser("log", help="show all changes, newest first")
    log.set_defaults(action="log")
    log.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print as JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the action; returns 1 if Redis is away, 2 for a wrong name or value."""
    from redis import RedisError

    from flags.store import FlagStore
    from runtime.redis_clients import redis_client

    commands: dict[str, Callable[[argparse.Namespace, Settings, FlagStore], None]] = {
        "list": _list, "set": _set, "reset": _reset, "log": _log
    }  # fmt: skip
    try:
        with redis_client(settings) as redis:
            commands[options.action](options, settings, FlagStore(settings, redis))
    except (InvalidRollout, InvalidKey) as error:
        logs.tell(str(error))
        return 2
    except (RedisError, OSError) as error:
        logs.tell(f"Redis (REDIS_URL) refuses to read or change the flags: {error}")
        return 1
    return 0


def _list(options: argparse.Namespace, settings: Settings, store: Any) -> None:
    import logging

    from flags.flags import Flags

    flags = Flags(settings)
    flags.heed(store.read(), logging.DEBUG)
    rows = []
    for flag, definition in DEFINITIONS.items():
        rollout, is_from_settings = flags.rollout_of(flag)
        setting = f"{definition.setting.upper()}={getattr(settings, definition.setting)}"
        rows.append({
            "name": flag.value,
            "state": rollout.text,
            "from": setting if is_from_settings else "redis",
            "default": f"{definition.default(settings).state} ({setting})",
            "off": definition.off,
        })  # fmt: skip
    _show(options, rows, ("name", "state", "from", "default", "off"))


def _set(options: argparse.Namespace, settings: Settings, store: Any) -> None:
    flag, wanted = _flag(options.flag), read_state(options.state)
    on_for, off_for = (
        frozenset(map(read_key, keys or ())) for keys in (options.on_for, options.off_for)
    )
    if both := on_for & off_for:
        raise InvalidKey(f"{min(both)} is named by --on-for and by --off-for; name it once")
    wanted = replace(wanted, on_for=on_for, off_for=off_for, reason=options.reason)
    made = store.set(flag, wanted, keep_on=options.on_for is None, keep_off=options.off_for is None)
    _tell_change(made, settings)


def _reset(options: argparse.Namespace, settings: Settings, store: Any) -> None:
    _tell_change(store.reset(_flag(options.flag), options.reason), settings)


def _log(options: argparse.Namespace, _settings: Settings, store: Any) -> None:
    rows = [asdict(each) for each in store.log()]
    _show(options, rows, ("at", "by", "flag", "old", "new", "reason"))


def _flag(name: str) -> Flag:
    try:
        return Flag(name)
    except ValueError:
        raise InvalidRollout(f"there is no flag {name!r}; the flags are {_NAMES}") from None


def _tell_change(made: Any, settings: Settings) -> None:
    at_the_latest = f"within {settings.feature_flags_refresh_s:g} s at the latest"
    _write(
        f"{made.flag}: {made.old} → {made.new}; "
        f"every process applies it immediately, {at_the_latest}"
    )


def _show(
    options: argparse.Namespace, rows: Sequence[dict[str, str]], columns: Sequence[str]
) -> None:
    if options.json:
        _write(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = [
        [each.upper() for each in columns],
        *([row[column] for column in columns] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        _write("  ".join(_padded(line, widths)).rstrip())


def _padded(line: Iterable[str], widths: Sequence[int]) -> list[str]:
    return [_printable(text).ljust(width) for text, width in zip(line, widths, strict=True)]


def _printable(text: str) -> str:
    """Escape a reason, so that it cannot send commands to the terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
