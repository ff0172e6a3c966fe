"""Medians of the figures of `make bench`."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

Runs = list[dict[str, Any]]
"""One run of a server and a query each, as bench/peers/bench.mjs writes them."""


class Medians:
    """The median of each figure of a server over its runs of a query."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.servers = list(dict.fromkeys(run["server"] for run in runs))
        self.queries = sorted({run["query"] for run in runs})

    def runs_of(self, server: str, query: str) -> Runs:
        return [run for run in self.runs if run["server"] == server and run["query"] == query]

    def figure(self, server: str, query: str, name: str) -> float | None:
        """The median; None if the server did not get the query."""
        values = [run[name] for run in self.runs_of(server, query) if run.get(name) is not None]
        return median(values) if values else None

    def cpu_ms(self, server: str, query: str) -> float | None:
        """CPU a request of server, PostgreSQL and Redis; None if the server did not get the query."""
        parts = [self.figure(server, query, name) for name in ("cpuMs", "pgCpuMs", "helpersCpuMs")]
        found = [part for part in parts if part is not None]
        return sum(found) if found else None

    def best(self, servers: Sequence[str], query: str) -> tuple[float, str] | None:
        """The most requests a second, and by which of `servers`; None if none got the query."""
        return max(self._figures(servers, query, "rps"), default=None)

    def thriftiest(self, servers: Sequence[str], query: str) -> tuple[float, str] | None:
        """The least CPU a request, and by which server; None if none of them got the query."""
        found = ((self.cpu_ms(name, query), name) for name in servers)
        return min(((cpu, name) for cpu, name in found if cpu), default=None)

    def _figures(
        self, servers: Sequence[str], query: str, name: str
    ) -> Iterator[tuple[float, str]]:
        for server in servers:
            if value := self.figure(server, query, name):
                yield value, server
