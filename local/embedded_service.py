"""What an embedded service is to the one who starts it."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.processes import describe_end, end, tail

__all__ = ["Service", "ServiceFailed", "await_ready"]


class ServiceFailed(Exception):  # noqa: N818 - it did; the message says why
    """A service cannot be started. The message says which, why, and what to do."""


@dataclass(frozen=True)
class Service:
    """A running server; `url` is empty where nobody connects to it by one."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    temporary_folder: Path | None = None

    def raise_if_ended(self) -> None:
        """Raise ServiceFailed, with the end of the log, when the server runs no more."""
        if (code := self.process.poll()) is not None:
            raise ServiceFailed(f"{self.name} {describe_end(code)}; {tail(self.log)}")

    def stop(self, grace_s: float = 5) -> None:
        """End the server and everything below it. May be called again."""
        end([(self.process, self.stop_signal)], grace_s)
        if self.temporary_folder:
            shutil.rmtree(self.temporary_folder, ignore_errors=True)


def await_ready(service: Service, is_ready: Callable[[], bool], *, within_s: float) -> None:
    """Wait until `is_ready` says so; stop it and raise ServiceFailed when it ends before, or takes too long."""
    deadline = time.monotonic() + within_s
    try:
        while not is_ready():
            service.raise_if_ended()
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{service.name} is not ready after {within_s:g} s; its log: {service.log}")
            time.sleep(0.01)
    except BaseException:  # an interruption, too, must leave nothing behind
        service.stop(grace_s=1)
        raise
