"""Starts the services and programs of `pacegraph run`, shows what they do, and ends all of them."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import NoReturn

from local.processes import describe_end, end, new_log, spawn, tail
from local.service import Service, ServiceFailed, await_ready

__all__ = ["Supervisor"]

_PROGRAMS_GRACE_S = 3.5
_SERVICE_GRACE_S = 2
_LONGEST_LOG = 10_000_000


class Supervisor:
    """The children of one `pacegraph run`. Services (PostgreSQL, Redis) outlive the programs that use them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._services: list[Service] = []
        self._programs: list[Service] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show one line for what is done inside: the title, and how long it took."""
        started = time.monotonic()
        print(f"{title} … ", end="", flush=True)
        try:
            yield
        except BaseException:
            print("stopped", flush=True)
            raise
        print(f"ready ({time.monotonic() - started:.1f} s)", flush=True)

    def service(self, start: Callable[[Path], Service]) -> Service:
        """Start a service; it is ready on return."""
        self._services.append(service := start(self._home))
        return service

    def program(self, name: str, command: list[str], environment: Mapping[str, str]) -> Service:
        """Start a program that is to run until the end; `await_ready` waits for it."""
        log = new_log(self._home, name)
        program = Service(name, "", spawn(command, log=log, environment=environment), log, SIGTERM)
        self._programs.append(program)
        return program

    def finish(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Run a program that ends by itself. Raises ServiceFailed when it fails."""
        log = new_log(self._home, name)
        if code := spawn(command, log=log, environment=environment).wait():
            raise ServiceFailed(f"{name}: {describe_end(code)}; {tail(log)}")

    def await_ready(self, program: Service, is_ready: Callable[[], bool], *, within_s: float = 60) -> None:
        """Wait until `is_ready` says so. Raises ServiceFailed when the program, or another one, ends before."""

        def all_live_and_ready() -> bool:
            self.raise_if_ended()
            return is_ready()

        await_ready(program, all_live_and_ready, within_s=within_s)

    def raise_if_ended(self) -> None:
        """Raise ServiceFailed when a child that should run has ended."""
        for child in self._programs + self._services:
            child.raise_if_ended()

    def watch(self) -> NoReturn:
        """Show the programs' output as it comes. Raises ServiceFailed when a child ends."""
        shown = {program.log: 0 for program in self._programs}
        while True:
            for program in self._programs:
                shown[program.log] = _show(program, shown[program.log])
            self.raise_if_ended()
            time.sleep(0.2)

    def stop(self) -> None:
        """End the programs together, then the services, last started first; `guarded` ends what escaped them."""
        end([(program.process, program.stop_signal) for program in reversed(self._programs)], _PROGRAMS_GRACE_S)
        for service in reversed(self._services):
            service.stop(_SERVICE_GRACE_S)


def _show(program: Service, position: int) -> int:
    """Print the lines that were added to a program's log since `position`; returns the new position."""
    with program.log.open("r+b") as log:
        log.seek(position)
        lines, complete, _ = log.read().rpartition(b"\n")
        if complete:
            position += len(lines) + 1
            for line in lines.decode(errors="replace").splitlines():
                print(f"{program.name} | {line}")
            sys.stdout.flush()
        if position > _LONGEST_LOG:  # it has been shown; the program appends, so the file begins anew
            log.truncate(0)
            return 0
    return position
