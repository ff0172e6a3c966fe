"""Asks before a command destroys something."""

import sys

import logs


def confirm(what: str, *, yes: bool) -> bool:
    """Ask on the terminal whether to do `what`, unless `yes` was given on the command line.

    Without a terminal there is no answer: then it says so and returns False.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        logs.tell(f"{what}. Nothing was done: nobody can be asked here. Add --yes to do it")
        return False
    print(f"{what}. Continue? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() in {"y", "yes"}:
        return True
    logs.tell("nothing was done")
    return False
