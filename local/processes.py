"""Processes that end with the one that started them, whatever ends it.

On Linux the kernel helps twice: a death signal reaches a child when its parent dies, even by SIGKILL, and a subreaper
inherits the orphans below it, so that none escapes by outliving its own parent. Elsewhere only
orderly ends are covered.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

__all__ = [
    "adopt_orphans",
    "as_user",
    "describe_end",
    "die_with_parent",
    "end",
    "end_descendants",
    "new_log",
    "spawn",
    "tail",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded now: between fork and exec nothing may be imported.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def new_log(home: Path, name: str) -> Path:
    """The empty file `home`/logs/`name`.log."""
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    return log


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    user: pwd.struct_passwd | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, its output appended to `log`, as `user` if given.

    A session of its own: Ctrl-C in the terminal reaches the supervisor only, which ends its children in order.
    """
    parent = os.getpid()
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            **as_user(user),
            # Runs after the change of user, which would clear the death signal.
            preexec_fn=lambda: die_with_parent(death_signal, parent),  # noqa: PLW1509 - no thread runs here
        )


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """The arguments that make `subprocess` start a program as `user`; None is the user of this process."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Ask for `death_signal` when the parent process dies; end at once if it is dead already."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end(children: Sequence[tuple[subprocess.Popen[bytes], signal.Signals]], grace_s: float) -> None:
    """Send each child its signal; after `grace_s` seconds kill what is left of them and of all below them.

    Returns when they are gone.
    """
    family = [relative for process, _ in children for relative in _descendants(process.pid)]
    for process, stop_signal in children:
        process.send_signal(stop_signal)
    deadline = time.monotonic() + grace_s
    for process, _ in children:
        try:
            process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            family += _descendants(process.pid)
            process.kill()
            process.wait()
    _kill(family)


def end_descendants(grace_s: float) -> None:
    """Wait `grace_s` seconds for all descendants to end, then kill and reap them, adopted ones included."""
    psutil.wait_procs(_descendants(os.getpid()), timeout=grace_s)
    deadline = time.monotonic() + 2  # what they start meanwhile is killed too, but not for ever
    while (left := _descendants(os.getpid())) and time.monotonic() < deadline:
        _kill(left)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        _unless_gone(process.kill)
    psutil.wait_procs(processes, timeout=1)


def _unless_gone(act: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        act()


def describe_end(code: int) -> str:
    """An exit code as subprocess gives it, in words: negative is the signal that killed."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def tail(log: Path, lines: int = 15) -> str:
    """Where the log is, and its last lines, indented."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return f"its log, {log}:" + "".join(f"\n    {line}" for line in text.splitlines()[-lines:] or ["(empty)"])
