"""A bar at the bottom of a terminal; nothing is shown elsewhere."""

import sys

_WIDTH = 30
_CLEAR = "\r\033[K"


class ProgressBar:
    """Shows how much is done, on standard error. Lines are told above it, on standard output."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._is_beside = self._is_shown and sys.stdout.isatty()

    def show(self, done: int, total: int) -> None:
        """Show a state. What is done may become more than was expected in total."""
        if self._is_shown:
            total = max(total, done, 1)
            bar = "#" * (done * _WIDTH // total)
            _write(f"{_CLEAR}[{bar:.<{_WIDTH}}] {done} of {total}")

    def tell(self, line: str) -> None:
        """Print a line, which the bar does not cut."""
        if self._is_beside:
            _write(_CLEAR)
        print(line)

    def end(self) -> None:
        if self._is_shown:
            _write(_CLEAR)


def _write(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
