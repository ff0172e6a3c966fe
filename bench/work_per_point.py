"""Measure the CPU of operations a point of their cost: `python -m bench.work_per_point`.

Serves the benchmark's rows, one athlete with 20,000 runs and one with 200, and sends shapes of
operations (`bench/work_shapes.py`) as a stranger, as the athlete and as an administrator. CPU is
that of the API, its documents' process and PostgreSQL. `net` is without what a request costs by
itself. Prints the shapes with the most CPU a point, and the ratio of the most to the least.

Options scale it down: `--activities 20000 --runs 4000`. `--sharing off` measures athletes who see
only themselves.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from bench.serving import ROOT, Served, print_table, served
from bench.work_facts import find_facts
from bench.work_rows import SMALL_RUNS, Tokens, provide
from bench.work_shape import STREAM, Facts, Shape
from bench.work_shapes import shapes
from db.encryption import KeyRing
from local.postgres import DATABASE

LEAST_CPU_S = 0.2
MOST_S = 1.5
MOST_TIMES, LEAST_TIMES = 100, 1
LEAST_NET_S = 0.001
"""Of less than this beside the request itself, the share of a point cannot be told."""
MAX_RATIO, MAX_CPU_S = 20.0, 2.0
_OWN_REQUEST = Shape("a request by itself", "{ __typename }")
_REMAINING, _REMAINING_COST = Shape("what is left", "{ rateLimit { remaining } }"), 1
_BUDGETS = {
    "COST_BUCKET_USER": "2000000000", "COST_REFILL_USER_PER_S": "0.000001",
    "DATABASE_TIME_USER_MS": "2000000000", "TRUSTED_DOCUMENTS": "off",
}  # fmt: skip
"""Budgets that hold all that is measured and regain nothing, so what is charged can be read."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one shape costs a caller: points, and seconds of CPU for one operation."""

    shape: str
    viewer: str
    requested: int
    charged: int
    cpu_s: float
    net_s: float
    answer: str

    @property
    def ms_per_point(self) -> float:
        return 1000 * self.net_s / max(1, self.charged)


class Measured:
    """A served database and clients of it."""

    def __init__(self, server: Served, tokens: Tokens) -> None:
        self._server = server
        self._http = httpx.Client(timeout=120, trust_env=False)
        self._tokens = {"stranger": tokens.stranger, "owner": tokens.owner, "admin": server.token}
        self._tokens["200 runs"] = tokens.small
        self._facts = {name: self._facts_of(name) for name in ("owner", "200 runs")}

    def figure(self, shape: Shape, viewer: str, own_s: float) -> Figure:
        """Send a shape until its CPU can be told."""
        facts = self._facts["200 runs" if viewer == "200 runs" else "owner"]
        query, times, spent_s = shape.query(facts), 0, 0.0
        self._send(query, viewer, shape, -1)  # it is known from now on
        until = time.monotonic() + MOST_S
        answer: dict[str, Any] = {}
        had, before_s = self._remaining(viewer), self.cpu_s()
        while times < LEAST_TIMES or (
            times < MOST_TIMES and spent_s < LEAST_CPU_S and time.monotonic() < until
        ):
            answer = self._send(query, viewer, shape, times)
            times += 1
            spent_s = self.cpu_s() - before_s
        charged = (had - self._remaining(viewer) - _REMAINING_COST) / times
        requested = answer.get("extensions", {}).get("cost", {}).get("requested", 0)
        told = answer.get("errors", [{}])[0].get("extensions", {}).get("code", "")
        cpu_s = spent_s / times
        return Figure(
            shape.name, viewer, requested, round(charged), cpu_s, max(0.0, cpu_s - own_s), told
        )

    def _remaining(self, viewer: str) -> int:
        """Points that the caller has left. All that was charged is missing, shown or not."""
        answer = self._send(_REMAINING.text, viewer, _REMAINING, 0)
        remaining: int = answer["extensions"]["cost"]["remaining"]
        return remaining

    def own_s(self) -> float:
        """CPU of a request that asks for nothing."""
        return self.figure(_OWN_REQUEST, "owner", 0.0).cpu_s

    def cpu_s(self) -> float:
        """Seconds of CPU of all processes so far, those that ended included."""
        return self._server.cpu_with_database_s()

    def _send(self, query: str, viewer: str, shape: Shape, number: int) -> dict[str, Any]:
        query = query.replace("$unlike", f"{number + 1}_{time.monotonic_ns()}")
        body = {"query": query, "variables": shape.vary(number) if shape.vary else {}}
        headers = {"authorization": f"Bearer {self._tokens[viewer]}", **shape.headers}
        with self._http.stream("POST", self._server.graphql, json=body, headers=headers) as answer:
            if shape.headers == STREAM:
                lines = (line for line in answer.iter_lines() if line.startswith("data: {"))
                found: dict[str, Any] = json.loads(next(lines)[len("data: ") :])
            else:
                found = json.loads(answer.read())
            return found

    def _facts_of(self, viewer: str) -> Facts:
        def ask(query: str, **variables: Any) -> Any:
            answer = self._send(query, viewer, Shape("", query, vary=lambda _: variables), 0)
            assert "errors" not in answer, answer
            return answer["data"]

        return find_facts(ask)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activities", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--sharing", choices=["on", "off"], default="on")
    parser.add_argument("--viewers", nargs="+", default=["stranger", "owner", "admin", "200 runs"])
    parser.add_argument("--only", default="", help="part of the shapes' names")
    parser.add_argument("--rows", type=int, default=25, help="rows to print; 0: all")
    parser.add_argument("--home", type=Path, help="folder of the data")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


def main() -> int:
    options = _arguments()
    home = options.home or ROOT / f".local-bench-work-{options.activities}-{options.runs}"
    note = home / "activities.txt"  # `bench-serve` checks how many there are
    activities = int(note.read_text()) if note.exists() else options.activities
    with served(home, activities, SHARING=options.sharing, **_BUDGETS) as server:
        dsn = f"host={server.pghost} user=postgres dbname={DATABASE}"
        tokens = provide(dsn, options.runs, _strava_token(home))
        note.write_text(str(options.activities + options.runs + SMALL_RUNS))
        measured = Measured(server, tokens)
        own_s = measured.own_s()
        figures = [
            measured.figure(shape, viewer, own_s)
            for shape in shapes()
            if options.only in shape.name
            for viewer in options.viewers
            if not (shape.is_own and viewer == "stranger")
        ]
    if options.json:
        options.json.write_text(json.dumps([vars_of(each) for each in figures], indent=1))
    return _report(figures, options.rows, own_s)


def _strava_token(home: Path) -> bytes:
    """A token that the server can decrypt: it looks at its start."""
    key = SecretStr((home / "token_encryption_key").read_text())
    return KeyRing([key]).encrypt(SecretStr("of nobody"))


def vars_of(figure: Figure) -> dict[str, Any]:
    """Make a figure's JSON."""
    return {name: getattr(figure, name) for name in Figure.__dataclass_fields__}


def _report(figures: list[Figure], rows: int, own_s: float) -> int:
    by_point = sorted(figures, key=lambda each: each.ms_per_point, reverse=True)
    print_table(
        ["Shape", "viewer", "requested", "charged", "CPU ms", "net ms a point", "answer"],
        [
            (
                each.shape, each.viewer, each.requested, each.charged, f"{1000 * each.cpu_s:.1f}",
                f"{each.ms_per_point:.3f}", each.answer,
            )
            for each in by_point[: rows or None]
        ],
    )  # fmt: skip
    told = [each.ms_per_point for each in figures if each.net_s >= LEAST_NET_S]
    least, most = min(told), max(told)
    dearest = max(figures, key=lambda each: each.cpu_s)
    print(f"{len(figures)} figures; a request by itself: {1000 * own_s:.2f} ms")
    print(
        f"ms a point: {least:.3f} to {most:.3f}, {most / least:.0f} times (wanted: {MAX_RATIO:g})"
    )
    print(
        f"dearest: {dearest.shape}, {dearest.viewer}: {dearest.cpu_s:.2f} s (wanted: {MAX_CPU_S:g})"
    )
    return int(most / least > MAX_RATIO or dearest.cpu_s > MAX_CPU_S)


if __name__ == "__main__":
    sys.exit(main())
