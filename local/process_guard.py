"""Two processes that watch each other: the one the user started, and the supervisor, its child.

If the first is killed, the kernel signals the supervisor, which ends everything in order. If the
supervisor is killed, the first process inherits its children and ends them. So a SIGKILL to either
leaves no process behind: `test_a_killed_guard_leaves_nothing` and
`test_a_killed_supervisor_leaves_nothing` in tests/local/test_supervisor.py ask for both.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from local.processes import end_descendants
from logs import log_end, tell
from runtime.parent_death import adopt_orphans, die_with_parent

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 4


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP was received.

    Raised once, in the main thread; later signals are ignored.
    """


def guarded(work: Callable[[], int], *, at_end: Callable[[], None]) -> int:
    """Run `work` in a child process and return its exit code; `at_end` runs in any case.

    A signal raises StopRequested in `work`, at any point.
    """
    parent = os.getpid()
    # Signals wait until each process has installed its handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _run_supervisor(work, parent)
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
        tell(f"the supervisor was killed by signal {-code}; its processes have been ended")
        return 1
    return code


def _run_supervisor(work: Callable[[], int], parent: int) -> None:
    code = 1
    try:
        os.setsid()
        die_with_parent(parent, signal.SIGTERM)
        adopt_orphans()
        for number in STOP_SIGNALS:
            signal.signal(number, _stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        code = work()
    except StopRequested:
        code = 0
    except Exception as error:  # noqa: BLE001 - this process ends here
        if not log_end(error):
            sys.excepthook(*sys.exc_info())
    finally:
        end_descendants(0)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


_stopping = False


def _stop(_number: int, _frame: FrameType | None) -> None:
    global _stopping  # noqa: PLW0603 - a signal handler has no other state
    if not _stopping:
        _stopping = True
        raise StopRequested
