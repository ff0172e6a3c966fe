"""The clock of this machine that never jumps."""

import uuid
from functools import cache
from pathlib import Path

from runtime.clock import CLOCK

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def steady_clock() -> tuple[str, float]:
    """Get a name for this start of the machine, and the seconds that its clock has run.

    All processes of the machine, in containers too, have the same ones.
    """
    return _name(), CLOCK.get().steady_s()


@cache
def _name() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{uuid.getnode():x}"
