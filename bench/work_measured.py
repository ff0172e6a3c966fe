"""A served database, and what operations cost there: CPU beside points."""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from pydantic import SecretStr

from bench.cpu_clock import CpuClock, database_processes
from bench.serving import ROOT, Served, served
from bench.work_facts import find_facts
from bench.work_rows import SMALL_RUNS, Tokens, provide
from bench.work_shape import DRY_RUN, PARTS, STREAM, Facts, Shape
from db.encryption import KeyRing
from local.postgres import DATABASE

LEAST_CPU_S = 0.05
MOST_S = 2.0
MOST_TIMES, LEAST_TIMES = 25, 1
VIEWERS = ("stranger", "owner", "admin", "200 runs")
_OWN_REQUEST = Shape("a request by itself", '{ athlete(id: "$athlete") { id } }')
"""It costs 1 and goes the way of all that read rows; a constant goes a shorter one."""
_REMAINING = Shape("what is left", "{ rateLimit { remaining } }")
_BUDGETS = {
    "COST_BUCKET_USER": "2000000000", "COST_REFILL_USER_PER_S": "0.000001",
    "DATABASE_TIME_USER_MS": "2000000000", "TRUSTED_DOCUMENTS": "off",
}  # fmt: skip
"""Budgets that hold all that is measured and regain nothing, so what is charged can be read."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one shape costs a caller: points, and seconds of CPU for one operation.

    `actual` is the last answer's, 0 where it has none. `charged` is what all were charged, in the
    mean.
    """

    shape: str
    viewer: str
    requested: int
    actual: int
    charged: int
    cpu_s: float
    answer: str

    @property
    def ms_per_point(self) -> float:
        return 1000 * self.cpu_s / max(1, self.charged)

    @property
    def is_told(self) -> bool:
        """Whether all of its CPU is known: of one that PostgreSQL ended it is lost with its backend."""
        return self.answer != "TIMEOUT"

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Measured:
    """A served database and clients of it."""

    def __init__(self, server: Served, tokens: Tokens, dsn: str) -> None:
        self._server, self._clock, self.dsn = server, CpuClock(), dsn
        self._http = httpx.Client(timeout=120, trust_env=False)
        self._tokens = {"stranger": tokens.stranger, "owner": tokens.owner, "admin": server.token}
        self._tokens["200 runs"] = tokens.small
        self.facts = {name: self._facts_of(name) for name in ("owner", "200 runs")}
        self.own_s = self.figure(_OWN_REQUEST, "owner").cpu_s
        """CPU of a request that asks for one object."""

    def facts_for(self, viewer: str) -> Facts:
        """Get what the shapes of a viewer name."""
        return self.facts["200 runs" if viewer == "200 runs" else "owner"]

    def figure(self, shape: Shape, viewer: str) -> Figure:
        """Send a shape until its CPU can be told."""
        query, times, spent_s = shape.query(self.facts_for(viewer)), 0, 0.0
        self.send(query, viewer, shape, -1)  # it is known from now on
        until = time.monotonic() + MOST_S
        answer: dict[str, Any] = {}
        had, before_s = self._remaining(viewer)[1], self.cpu_s()
        while times < LEAST_TIMES or (
            times < MOST_TIMES and spent_s < LEAST_CPU_S and time.monotonic() < until
        ):
            answer = self.send(query, viewer, shape, times)
            times += 1
            if times % 5 == 0 or times == 1:
                spent_s = self.cpu_s() - before_s
        spent_s = self.cpu_s() - before_s
        charged = (had - self._remaining(viewer)[0]) / times
        cost = answer.get("extensions", {}).get("cost", {})
        requested, actual = cost.get("requested", 0), cost.get("actual", 0)
        told = answer.get("errors", [{}])[0].get("extensions", {}).get("code", "")
        cpu_s = spent_s / times
        return Figure(shape.name, viewer, requested, actual, round(charged), cpu_s, told)

    def requested(self, query: str, viewer: str) -> int:
        """Ask what a query may cost; 0 if it is refused."""
        answer = self.send(query, viewer, Shape("", query, headers=DRY_RUN))
        cost: int = answer.get("extensions", {}).get("cost", {}).get("requested", 0)
        return cost

    def cpu_s(self) -> float:
        """Seconds of CPU so far of the API, its documents' process and PostgreSQL."""
        api = [psutil.Process(pid) for pid in self._server.pids]
        helpers = [child for each in api for child in each.children(recursive=True)]
        return self._clock.total_s((*api, *helpers, *database_processes(self._server.pgdata)))

    def _remaining(self, viewer: str) -> tuple[int, int]:
        """Points that the caller has left, before and after it is asked.

        All that was charged is missing, shown or not.
        """
        cost = self.send(_REMAINING.text, viewer, _REMAINING, 0)["extensions"]["cost"]
        return cost["remaining"] + cost["actual"] + cost["work"], cost["remaining"]

    def send(self, query: str, viewer: str, shape: Shape, number: int = 0) -> dict[str, Any]:
        """Send the query of a shape, for the time `number`; returns the answer."""
        query = query.replace("$unlike", f"{number + 1}_{time.monotonic_ns()}")
        body = {"query": query, "variables": shape.vary(number) if shape.vary else {}}
        headers = {"authorization": f"Bearer {self._tokens[viewer]}", **shape.headers}
        with self._http.stream("POST", self._server.graphql, json=body, headers=headers) as answer:
            if shape.headers == STREAM:
                lines = (line for line in answer.iter_lines() if line.startswith("data: {"))
                found: dict[str, Any] = json.loads(next(lines)[len("data: ") :])
            elif shape.headers == PARTS:  # the last part tells the cost
                found = json.loads([line for line in answer.iter_lines() if line[:1] == "{"][-1])
            else:
                found = json.loads(answer.read())
            return found

    def _facts_of(self, viewer: str) -> Facts:
        def ask(query: str, **variables: Any) -> Any:
            answer = self.send(query, viewer, Shape("", query, vary=lambda _: variables), 0)
            assert "errors" not in answer, answer
            return answer["data"]

        return find_facts(ask)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is served and to whom."""
    parser.add_argument("--activities", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--sharing", choices=["on", "off"], default="on")
    parser.add_argument("--viewers", nargs="+", choices=VIEWERS, default=list(VIEWERS))
    parser.add_argument("--home", type=Path, help="folder of the data")
    parser.add_argument("--port", default="4200")
    parser.add_argument("--json", type=Path, help="file for all figures")


@contextmanager
def measured(options: argparse.Namespace) -> Iterator[Measured]:
    """Serve the rows that the options ask for while the block runs."""
    home = options.home or ROOT / f".local-bench-work-{options.activities}-{options.runs}"
    note = home / "activities.txt"  # `bench-serve` checks how many there are
    activities = int(note.read_text()) if note.exists() else options.activities
    environment = {"SHARING": options.sharing, "PORT": options.port, **_BUDGETS}
    with served(home, activities, **environment) as server:
        dsn = f"host={server.pghost} user=postgres dbname={DATABASE}"
        tokens = provide(dsn, options.runs, _strava_token(home))
        note.write_text(str(options.activities + options.runs + SMALL_RUNS))
        yield Measured(server, tokens, dsn)


def _strava_token(home: Path) -> bytes:
    """A token that the server can decrypt: it looks at its start."""
    key = SecretStr((home / "token_encryption_key").read_text())
    return KeyRing([key]).encrypt(SecretStr("of nobody"))
