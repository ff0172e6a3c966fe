"""Run a mixed load for long, with restarts of every process, and see that nothing grows.

`python -m bench.soak [--minutes 30]`, or `make soak SOAK_MINUTES=30`. A `pacegraph run` with a
simulated Strava and two workers answers queries, mutations, subscriptions and jobs. API, workers,
Strava, Redis and PostgreSQL are ended in turn, asked to and by SIGKILL, each once at least either way. Memory,
open files, connections, keys and tables of the last third of the time must be as in the second one, and
no request may fail but while something restarts.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import psutil

from bench.serving import ROOT, is_ready, print_table
from bench.soak_load import READERS, WATCHERS, Load
from bench.soak_samples import PARTS, Samples, children
from bench.sync import running, write_runs

RUNS = 300
_SAMPLE_EVERY_S = 5.0
_DISTURBED_S = 20.0
"""For how long a restart may be noticed, and beyond that until the API is ready: a busy machine starts slowly."""
_MOST_DISTURBED_S = 120.0
"""What does not come back for so long counts as failed."""
_LEAST_PAUSE_S, _MOST_PAUSE_S = 30.0, 150.0
_STOP = dict.fromkeys(PARTS, signal.SIGTERM) | {"PostgreSQL": signal.SIGINT}
"""How a part is asked to end. At SIGTERM PostgreSQL would wait for all its clients."""
_ENVIRONMENT = {
    "PORT": "4240",
    "COST_BUCKET_USER": "2000000000",
    "DATABASE_TIME_USER_MS": "2000000000",
    "SYNC_BUDGET_REQUESTS": "0",
    "STRAVA_DETAILS_PER_SYNC": "0",
}
"""A port of its own, and budgets that it does not use up."""


class Disturbance:
    """What a restart excuses: from its begin until the API is ready again.

    `is_ready` asks the API; `now_s` is a clock that never jumps.
    """

    def __init__(
        self, is_ready: Callable[[], bool], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_ready, self._now_s = is_ready, now_s
        self._began_s = float("-inf")
        self._is_back = True

    def begin(self) -> None:
        self._began_s, self._is_back = self._now_s(), False

    def look(self) -> None:
        """Note whether what was ended is back. Call it every few seconds."""
        if not self._is_back and self._since_s > _DISTURBED_S:
            self._is_back = self._is_ready()

    @property
    def is_on(self) -> bool:
        since_s = self._since_s
        return since_s < _DISTURBED_S or (not self._is_back and since_s < _MOST_DISTURBED_S)

    @property
    def _since_s(self) -> float:
        return self._now_s() - self._began_s


class Restarts:
    """Ends the parts of `pacegraph run`, one at a time. Its supervisor starts them again."""

    def __init__(self, pid: int, minutes: float, disturbance: Disturbance) -> None:
        """Take the process of `pacegraph run`."""
        self._pid, self._disturbance = pid, disturbance
        pause_s = 60 * minutes / (2 * len(PARTS) + 2)
        self._pause_s = min(_MOST_PAUSE_S, max(_LEAST_PAUSE_S, pause_s))
        self._due_at = time.monotonic() + self._pause_s
        self._turns = cycle([*_STOP.items(), *((part, signal.SIGKILL) for part in PARTS)])
        self.count = 0

    def next_if_due(self) -> None:
        if time.monotonic() < self._due_at:
            return
        part, number = next(self._turns)
        self._due_at = time.monotonic() + self._pause_s
        if (process := children(self._pid).get(part)) is None:
            raise SystemExit(f"soak: {part} did not come back")
        self._disturbance.begin()
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return
        self.count += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    minutes: float = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="pacegraph-soak-") as folder:
        home, runs = Path(folder) / "home", Path(folder) / "runs.ndjson"
        write_runs(runs, RUNS, is_whole=True)
        with running(ROOT, home, runs, workers=2, **_ENVIRONMENT) as facts:
            samples = Samples(facts["pid"], home)
            disturbance = Disturbance(partial(is_ready, facts["url"]))
            restarts = Restarts(facts["pid"], minutes, disturbance)
            until = time.monotonic() + 60 * minutes
            with Load(facts, lambda: disturbance.is_on) as load:
                while time.monotonic() < until:
                    disturbance.look()
                    restarts.next_if_due()
                    if not disturbance.is_on:
                        samples.take()
                    time.sleep(_SAMPLE_EVERY_S)
    return _report(samples, restarts, load, minutes)


def _report(samples: Samples, restarts: Restarts, load: Load, minutes: float) -> int:
    rows = [
        (
            each.name,
            each.unit,
            f"{each.middle:.1f}",
            f"{each.end:.1f}",
            "yes" if each.is_flat else "NO",
        )
        for each in samples.series
    ]
    print_table(["figure", "unit", "second third", "last third", "flat"], rows)
    failed = load.answers.total() - load.answers["good"]
    print(
        f"{minutes:g} minutes, {READERS} clients, {WATCHERS} subscribers, "
        f"{restarts.count} restarts: "
        f"{load.answers['good']:,} answers, {failed} failed while nothing restarted"
    )
    for what, count in load.answers.most_common():
        if what != "good":
            print(f"  {count} times {what}")
    is_flat = all(each.is_flat for each in samples.series)
    return int(not is_flat or failed > 0 or not load.answers["good"])


if __name__ == "__main__":
    sys.exit(main())
