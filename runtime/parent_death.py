"""Processes that end with the one that forked them, even when that is killed. On Linux, where the kernel helps."""

import ctypes
import os
import signal
import sys

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1
# Loaded before any fork.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent(parent: int, death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask for `death_signal` when the process `parent` dies; end at once if it is dead already."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
