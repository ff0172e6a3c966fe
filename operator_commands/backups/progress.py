"""How far a backup or restore is, for a user at a terminal."""

import sys


class Progress:
    """Counts the tables that PostgreSQL's programs tell of."""

    def __init__(self, mark: str, total: int) -> None:
        """Count the lines with `mark`, of which there are `total`."""
        self._mark, self._total, self._done = mark, total, 0

    def see(self, line: str) -> None:
        """Take a line of the program."""
        if self._mark in line:
            self._done += 1
            name = line.partition(self._mark)[2].strip().strip('"')
            show(f"{min(self._done, self._total)} of {self._total} tables ({name})")


def show(what: str) -> None:
    """Tell what is under way, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{what} …\033[K", end="", file=sys.stderr, flush=True)
