"""Lets a forked process go of what its parent has open."""

import os
from contextlib import suppress
from pathlib import Path

_OWN_FILES = Path("/dev/fd")
_LAST_STANDARD_FILE = 2


def leave_files(*kept: int) -> None:
    """Let go of the parent's connections, locks and pipes, which would last as long as this process.

    The parent's objects may still close their numbers, so each number then names nothing. The files
    `kept` stay, and so do the standard ones.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in list(_OWN_FILES.iterdir()) if _OWN_FILES.is_dir() else []:
        number = int(name.name)
        if number > _LAST_STANDARD_FILE and number not in kept:
            with suppress(OSError):  # it was closed just now
                os.dup2(nothing, number, inheritable=False)
