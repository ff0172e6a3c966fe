"""Counts the requests that ended, and how long they took."""

from bisect import bisect_left
from itertools import accumulate

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Up to where each class of durations reaches, in seconds; a last one has what took longer."""
_GRAPHQL = "/graphql"
_HUNDRED = 100


class RequestCounts:
    """Requests of this process, apart by whether they were to `/graphql`."""

    def __init__(self) -> None:
        self.ended: dict[tuple[str, str], int] = {}
        """How many ended, by `graphql` or `other` and the class of their status, such as `2xx`."""
        self._classes = {to: [0] * (len(BOUNDS_S) + 1) for to in ("graphql", "other")}
        self.seconds = dict.fromkeys(self._classes, 0.0)
        """How long they took together."""

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count a request that ended."""
        to = "graphql" if path == _GRAPHQL else "other"
        key = to, f"{status // _HUNDRED}xx"
        self.ended[key] = self.ended.get(key, 0) + 1
        self._classes[to][bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds[to] += seconds

    def up_to(self, to: str) -> list[tuple[str, int]]:
        """Get how many took at most as many seconds, in the form of Prometheus' histograms."""
        names = (*map(str, BOUNDS_S), "+Inf")
        return list(zip(names, accumulate(self._classes[to]), strict=True))


REQUESTS = RequestCounts()
"""Those of this process, as its log has them."""
