"""Two processes that look after each other: the one the user started, and the supervisor, its child.

If the user's is killed, the supervisor is told by the kernel and ends everything in order. If the supervisor is
killed, its children become the other's, which ends them. A SIGKILL to either leaves nothing behind.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from local.processes import adopt_orphans, die_with_parent, end_descendants
from logs import log_end, tell

__all__ = ["STOP_SIGNALS", "StopRequested", "guarded"]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 4


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP came. Raised once, in the main thread; later signals change nothing."""


def guarded(work: Callable[[], int], *, at_end: Callable[[], None]) -> int:
    """Run `work` in a child process and return its exit code; `at_end` runs whatever became of it.

    `work` gets StopRequested where a signal finds it.
    """
    parent = os.getpid()
    # Until each process has its handlers a signal waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _be_supervisor(work, parent)
    adopt_orphans()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda received, _: os.kill(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    at_end()
    end_descendants(_GRACE_S if code < 0 else 0)
    if code < 0:
        tell(f"the supervisor was killed by signal {-code}; what it had started is ended")
        return 1
    return code


def _be_supervisor(work: Callable[[], int], parent: int) -> None:
    code = 1
    try:
        os.setsid()
        die_with_parent(signal.SIGTERM, parent)
        adopt_orphans()
        for number in STOP_SIGNALS:
            signal.signal(number, _stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        code = work()
    except StopRequested:
        code = 0
    except Exception:  # noqa: BLE001 - this process ends here, without the parent's clean-up
        if not log_end():
            sys.excepthook(*sys.exc_info())
    finally:
        end_descendants(0)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


_stopping = False


def _stop(_number: int, _frame: FrameType | None) -> None:
    global _stopping  # noqa: PLW0603 - a signal handler has nowhere else to remember
    if not _stopping:
        _stopping = True
        raise StopRequested
