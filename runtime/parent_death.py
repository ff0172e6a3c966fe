"""Ends processes with the one that started them, even when that is killed.

On Linux, where the kernel helps twice: a death signal reaches a child when its parent dies, even by
SIGKILL, and a subreaper inherits the orphans below it. Elsewhere both functions do nothing.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded when this module is imported: between fork and exec nothing may be.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent(parent: int, death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask for `death_signal` when the process `parent` dies; end at once if it is dead already."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of all descendants that lose their own."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
