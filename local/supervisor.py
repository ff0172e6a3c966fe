"""Starts the services and programs of `pacegraph run`, starts again what dies, and ends all."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGTERM
from threading import Thread
from typing import NoReturn

from local.embedded_service import Service, ServiceFailed, await_ready
from local.processes import Launcher, describe_end, end, kill_orphans, reap_orphans
from local.terminal import Terminal

_SERVICE_GRACE_S = 2
_LOOK_S = 0.1

Start = Callable[[Service | None], Service]
"""Starts a child. It gets the dead one that it replaces, None the first time."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """A child is started again at most `most` times in `window_s` seconds, after growing pauses."""

    most: int = 5
    window_s: float = 120
    first_pause_s: float = 0.5
    longest_pause_s: float = 15

    def pause_s(self, deaths: int) -> float:
        """Seconds to wait after a number of deaths within the window."""
        return min(self.longest_pause_s, self.first_pause_s * 2.0 ** (deaths - 1))


class _Child:
    """A service or program, with the times at which it died."""

    def __init__(self, start: Start, policy: RestartPolicy) -> None:
        self._start, self._policy = start, policy
        self.service = start(None)
        self._deaths: deque[float] = deque()
        self._due_at = math.inf

    @property
    def is_due(self) -> bool:
        """Whether it died and its pause is over."""
        return time.monotonic() >= self._due_at

    def look(self) -> str | None:
        """Start it again if it is due; returns what there is to tell.

        Raises ServiceFailed when it died too often.
        """
        if self.is_due:
            self._due_at = math.inf
            try:
                self.service = self._start(self.service)
            except ServiceFailed as error:
                return self._bury(str(error))
        elif math.isinf(self._due_at) and (code := self.service.process.poll()) is not None:
            return self._bury(f"{self.service.name} {describe_end(code)}")
        return None

    def _bury(self, how: str) -> str:
        now, policy = time.monotonic(), self._policy
        self._deaths.append(now)
        while now - self._deaths[0] > policy.window_s:
            self._deaths.popleft()
        deaths = len(self._deaths)
        if deaths > policy.most:
            raise ServiceFailed(
                f"{self.service.name} ended {deaths} times within {policy.window_s:g} s, so "
                f"everything ends. The last time: {how}; {self.service.tail()}"
            )
        pause_s = policy.pause_s(deaths)
        self._due_at = now + pause_s
        return (
            f"{how}; it starts again in {pause_s:g} s ({deaths} of {policy.most} times within "
            f"{policy.window_s:g} s). Its log: {self.service.log}"
        )


class Supervisor:
    """The children of one `pacegraph run`. Services (PostgreSQL, Redis) end after the programs."""

    def __init__(
        self,
        launcher: Launcher,
        terminal: Terminal,
        policy: RestartPolicy | None = None,
        programs_grace_s: float = 3.5,
    ) -> None:
        self.launcher = launcher
        self._terminal = terminal
        self._policy = policy or RestartPolicy()
        self._programs_grace_s = programs_grace_s
        self._services: list[_Child] = []
        self._programs: list[_Child] = []

    @property
    def programs(self) -> list[Service]:
        return [child.service for child in self._programs]

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show one line for the work inside: the title, and the time it took."""
        started = time.monotonic()
        print(f"{title} … ", end="", flush=True)
        try:
            yield
        except BaseException:
            print("stopped", flush=True)
            raise
        print(f"ready ({time.monotonic() - started:.1f} s)", flush=True)

    def service(self, start: Start) -> Service:
        """Start a service; it is ready on return."""
        self._services.append(child := _Child(start, self._policy))
        return child.service

    def program(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        restarted: Callable[[], None] | None = None,
    ) -> Service:
        """Start a program that runs until the end; `await_ready` returns when it is ready.

        `restarted` is called, in a thread of its own, when it was started again.
        """

        def start(dead: Service | None) -> Service:
            process = self.launcher.spawn(name, command, environment=environment)
            if dead is not None and restarted is not None:
                Thread(target=restarted, name=f"{name} again", daemon=True).start()
            return Service(name, "", process, self.launcher, name, SIGTERM)

        self._programs.append(child := _Child(start, self._policy))
        return child.service

    def finish(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a program that ends by itself, and `meanwhile`. Raises ServiceFailed if it fails."""
        process = self.launcher.spawn(name, command, environment=environment)
        meanwhile()
        if code := process.wait():
            raise ServiceFailed(f"{name}: {describe_end(code)}; {self.launcher.tail(name)}")

    def await_ready(
        self, program: Service, is_ready: Callable[[], bool], *, within_s: float = 60
    ) -> None:
        """Wait until `is_ready` returns true. Raises ServiceFailed if a child ends before."""

        def all_live_and_ready() -> bool:
            self.raise_if_ended()
            return is_ready()

        await_ready(program, all_live_and_ready, within_s=within_s)

    def raise_if_ended(self) -> None:
        """Raise ServiceFailed when a child that should run has ended."""
        for child in self._programs + self._services:
            child.service.raise_if_ended()

    def watch(self) -> NoReturn:
        """Start again what dies. Raises ServiceFailed when a child died too often."""
        while True:
            children = self._services + self._programs
            for child in children:
                own = [each.service.process for each in children]
                reap_orphans(own)
                if child.is_due:
                    kill_orphans(own)  # what the dead one left
                if line := child.look():
                    self._terminal.tell(line)
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        """End the programs together, then the services, last started first.

        `guarded` ends the descendants that are left.
        """
        programs = [(each.process, each.stop_signal) for each in reversed(self.programs)]
        end(programs, self._programs_grace_s)
        for child in reversed(self._services):
            child.service.stop(_SERVICE_GRACE_S)
