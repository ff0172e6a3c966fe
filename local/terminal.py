"""Writes to the user's terminal without waiting: it may be paused, or a pipe that no one reads."""

import os
import sys
import threading
from collections import deque
from contextlib import suppress

from logs import tell

_MOST_WAITING = 10_000
_DRAIN_S = 1.0


class Terminal:
    """Lines for standard output, and messages for `logs.tell`, written by a thread in order.

    While the terminal does not take them, the oldest lines are dropped and counted; messages stay.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._messages: deque[str] = deque(maxlen=_MOST_WAITING)
        self._dropped = 0
        self._is_busy = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)

    def start(self) -> None:
        """Begin to write. What was shown before is written first."""
        self._thread.start()

    def show(self, text: str) -> None:
        with self._changed:
            self._lines.append(text)
            if len(self._lines) > _MOST_WAITING:
                self._lines.popleft()
                self._dropped += 1
            self._changed.notify_all()

    def tell(self, message: str) -> None:
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait a moment until everything is written. Starts if it was not started before."""
        if not self._thread.is_alive():
            self.start()
        with self._changed:
            self._changed.wait_for(self._is_idle, _DRAIN_S)

    def _is_idle(self) -> bool:
        return not (self._lines or self._messages or self._is_busy)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines or self._messages)
                self._is_busy = True
                lines, messages, dropped = [*self._lines], [*self._messages], self._dropped
                self._lines.clear()
                self._messages.clear()
                self._dropped = 0
            _write(lines, messages, dropped)


def _write(lines: list[str], messages: list[str], dropped: int) -> None:
    text = f"… {dropped} lines were not shown; they are in the logs\n" if dropped else ""
    with suppress(OSError, ValueError):  # it was closed
        # past Python's buffer, whose lock would hold up others while the terminal is paused
        left = memoryview((text + "".join(lines)).encode())
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
    for message in messages:
        with suppress(OSError, ValueError):
            tell(message)
