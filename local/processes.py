"""Processes that end with the process that started them, even if it is killed.

On Linux the kernel helps twice. A death signal reaches a child when its parent dies, even by
SIGKILL (`runtime/parent_death.py`). A subreaper inherits the orphans below it, so no process
escapes by outliving its parent. Elsewhere only orderly ends are covered.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from local.log_files import Outputs
from runtime.parent_death import die_with_parent

_TAIL_BYTES = 65_536


class UserIds(NamedTuple):
    """The numbers of a system user and of its group. Neither needs a name."""

    uid: int
    gid: int

    @classmethod
    def from_owner(cls, path: Path) -> "UserIds":
        """The owner of a file or folder."""
        found = path.stat()
        return cls(found.st_uid, found.st_gid)


class Launcher:
    """Starts children. Each writes to its log, and holds the claim on the home while it lives."""

    def __init__(self, outputs: Outputs, claim: int | None = None) -> None:
        """`claim` is the file descriptor that children inherit."""
        self.outputs = outputs
        self._claim = () if claim is None else (claim,)

    def spawn(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        user: UserIds | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start `command` in its own session, as `user` if given; it ends with this process.

        In its own session, Ctrl-C in the terminal reaches the supervisor only, which ends its
        children in order.
        """
        parent = os.getpid()
        with self.outputs.opened(name) as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
                pass_fds=(*self._claim, *pass_fds),
                **as_user(user),
                # Runs after the change of user, which would clear the death signal. It takes no
                # lock that the threads of logs and terminal may hold.
                preexec_fn=lambda: die_with_parent(parent, death_signal),  # noqa: PLW1509
            )

    def tail(self, name: str, lines: int = 15) -> str:
        """Where the log of `name` is, and its last lines, indented."""
        self.outputs.catch_up()
        return tail(self.outputs.path_of(name), lines)


def as_user(user: UserIds | None) -> dict[str, Any]:
    """Arguments with which `subprocess` starts a program as `user`; None is the current user."""
    return {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}


def end(children: Sequence[tuple[subprocess.Popen[bytes], signal.Signals]], grace_s: float) -> None:
    """Send each child its signal; after `grace_s` seconds kill those left, and all descendants.

    Returns when they are gone. Descendants have the rest of that time when the children have ended:
    one may be storing tokens (jobs/token_refresh.py).
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
    psutil.wait_procs(family, timeout=max(0, deadline - time.monotonic()))
    _kill(family)


def end_descendants(grace_s: float) -> None:
    """Wait `grace_s` seconds for all descendants to end, then kill and reap the rest."""
    psutil.wait_procs(_descendants(os.getpid()), timeout=grace_s)
    deadline = (
        time.monotonic() + 2
    )  # also kills what they start in the meantime, for a limited time
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
    """Describe an exit code of `subprocess`; a negative one is the signal that killed."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def reap_orphans(own: Collection[subprocess.Popen[bytes]]) -> None:
    """Reap the ended processes that this one inherited. Those of `own` stay for `Popen.poll`.

    Without it they stay zombies, and PostgreSQL takes a zombie for a server that runs.
    """
    if not hasattr(os, "waitid"):
        return
    by_pid = {process.pid: process for process in own}
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if process := by_pid.get(ended.si_pid):
                process.poll()
            else:
                os.waitpid(ended.si_pid, os.WNOHANG)


def kill_orphans(own: Collection[subprocess.Popen[bytes]]) -> None:
    """Kill the processes that this one inherited: children that are not `own`."""
    pids = {process.pid for process in own}
    _kill([child for child in psutil.Process().children() if child.pid not in pids])


def living_in(folder: Path) -> list[int]:
    """The ids of the processes with the working folder `folder`, without zombies.

    Those of other users are left out, unless this process runs as root.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def tail(log: Path, lines: int = 15) -> str:
    """Where the log is, and its last lines, indented."""
    text = ""
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return f"its log, {log}:" + "".join(
        f"\n    {line}" for line in text.splitlines()[-lines:] or ["(empty)"]
    )
