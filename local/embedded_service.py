"""A running embedded service, as seen by the process that started it."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.processes import Launcher, describe_end, end


class ServiceFailed(Exception):
    """A service cannot be started. The message says which, why, and what to do."""


@dataclass(frozen=True)
class Service:
    """A running server; `url` is empty if nothing connects to it by URL."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    launcher: Launcher
    log_name: str
    stop_signal: signal.Signals
    temporary_folder: Path | None = None

    @property
    def log(self) -> Path:
        return self.launcher.outputs.path_of(self.log_name)

    def raise_if_ended(self) -> None:
        """Raise ServiceFailed, with the end of the log, if the server has ended."""
        if (code := self.process.poll()) is not None:
            raise ServiceFailed(f"{self.name} {describe_end(code)}; {self.tail()}")

    def tail(self) -> str:
        """Where its log is, and the end of it."""
        return self.launcher.tail(self.log_name)

    def stop(self, grace_s: float = 5) -> None:
        """End the server and all its descendants. May be called more than once."""
        end([(self.process, self.stop_signal)], grace_s)
        if self.temporary_folder:
            shutil.rmtree(self.temporary_folder, ignore_errors=True)


def await_ready(service: Service, is_ready: Callable[[], bool], *, within_s: float) -> None:
    """Wait until `is_ready` returns true.

    Stops the service and raises ServiceFailed if it ends before that or takes too long.
    """
    deadline = time.monotonic() + within_s
    try:
        while not is_ready():
            service.raise_if_ended()
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{service.name} is not ready after {within_s:g} s; its log: {service.log}"
                )
            time.sleep(0.01)
    except BaseException:  # also on an interrupt, leave no process behind
        service.stop(grace_s=1)
        raise
