"""The targets of `make bench`: each figure, what is wanted, what was measured."""

from collections.abc import Iterator
from math import exp, log

from bench.medians import Medians
from bench.serving import MAX_MEMORY_MB

NODE_PEERS = ("mercurius", "yoga", "postgraphile")
GRAPHQL_PEERS = (*NODE_PEERS, "strawberry", "go", "bun-jit", "fraiseql")
"""Without a cache of answers, in any language."""
CACHING_PEERS = ("mercurius-cache", "mercurius-cache-redis", "yoga-cache")
KNOWN = ("Q1", "Q2", "Q3", "Q4")
CROWDED = "Q2@256"
"""Q2 with 256 connections at once."""

_NODE_RATIO = 1.3
_CACHE_RATIOS = {"Q2": 3, "Q3": 8, "Q4": 8}
_CACHING_PEER_RATIO = 2.5
_STRAWBERRY_RATIO = 20
_LIMIT_RATIOS = {"Q1": 0.25, "Q2": 0.5, "Q3": 0.6, "Q4": 0.75}
_CONSTANT_RATIOS = {"mercurius": 0.7, "bun-jit": 0.3}
_CPU_RATIOS = {"Q2": 1.3, "Q3": 1.5, "Q4": 1.5}
_PLAIN_RATIOS = {"Q2": 2.2, "Q3": 1.9, "Q4": 2.0}
_PLAIN_CACHE_RATIO = 3.5
_SEEDED_MEAN, _SEEDED_WORST = 1.6, 1.2
_CROWDED_P99 = 0.5

Row = list[str]
"""Figure, wanted, measured, whether it is met."""


def ratios_of(medians: Medians) -> Iterator[Row]:
    """List the figures that the runs allow."""
    for query in medians.queries:
        if query in KNOWN and medians.figure("pacegraph", query, "rps"):
            yield from _of_known(medians, query)
    yield from _of_seeded(medians)
    ours, theirs = (medians.figure(each, CROWDED, "p99") for each in ("pacegraph", "mercurius"))
    if ours and theirs:
        yield _most("p99 at 256 connections ÷ mercurius (Q2)", _CROWDED_P99, ours / theirs)
    if memory := [run["rssMB"] for run in medians.runs if run["server"].startswith("pacegraph")]:
        yield _most("memory of the API process, MB, most of all runs", MAX_MEMORY_MB, max(memory))


def _of_known(medians: Medians, query: str) -> Iterator[Row]:
    ours = medians.figure("pacegraph", query, "rps")
    assert ours is not None
    if query == "Q1":
        for name, wanted in _CONSTANT_RATIOS.items():
            if theirs := medians.figure(name, query, "rps"):
                yield _least(f"Q1 req/s ÷ {name}", wanted, ours / theirs)
    elif best := medians.best(NODE_PEERS, query):
        yield _least(f"{query} req/s ÷ best Node peer ({best[1]})", _NODE_RATIO, ours / best[0])
        if cached := medians.figure("pacegraph-cache", query, "rps"):
            figure = f"{query} from the cache, req/s ÷ best Node peer"
            yield _least(figure, _CACHE_RATIOS[query], cached / best[0])
    if limit := medians.figure("limit", query, "rps"):
        yield _least(f"{query} req/s ÷ one-statement limit", _LIMIT_RATIOS[query], ours / limit)
    if (strawberry := medians.figure("strawberry", query, "rps")) and query != "Q1":
        yield _least(f"{query} req/s ÷ ordinary Strawberry", _STRAWBERRY_RATIO, ours / strawberry)
    yield from _of_cpu(medians, query)
    p99s = [p99 for name in NODE_PEERS if (p99 := medians.figure(name, query, "p99"))]
    if p99s:
        own = medians.figure("pacegraph", query, "p99")
        yield _most(f"{query} p99 ms (wanted: the best Node peer's)", min(p99s), own)


def _of_cpu(medians: Medians, query: str) -> Iterator[Row]:
    """CPU of server, PostgreSQL and Redis a request."""
    ours = medians.cpu_ms("pacegraph", query)
    cached = medians.cpu_ms("pacegraph-cache", query)
    if ours and query in _CPU_RATIOS:
        if best := medians.thriftiest(GRAPHQL_PEERS, query):
            figure = f"{query} CPU of the thriftiest GraphQL peer ({best[1]}) ÷ ours"
            yield _least(figure, _CPU_RATIOS[query], best[0] / ours)
        if plain := medians.cpu_ms("go-plain", query):
            yield _most(f"{query} CPU ÷ go-plain", _PLAIN_RATIOS[query], ours / plain)
    if cached and query == "Q2":
        own = medians.figure("pacegraph-cache", query, "rps")
        if (best := medians.best(CACHING_PEERS, query)) and own:
            figure = f"Q2 from the cache, req/s ÷ best peer's cache ({best[1]})"
            yield _least(figure, _CACHING_PEER_RATIO, own / best[0])
        if plain := medians.cpu_ms("go-plain-cache", query):
            figure = "Q2 from the cache, CPU ÷ go-plain-cache"
            yield _most(figure, _PLAIN_CACHE_RATIO, cached / plain)


def _of_seeded(medians: Medians) -> Iterator[Row]:
    """Requests a second of a seed's queries, against the best GraphQL peer at each."""
    ratios = {}
    for query in medians.queries:
        ours = medians.figure("pacegraph", query, "rps")
        best = medians.best(GRAPHQL_PEERS, query)
        if query not in (*KNOWN, CROWDED) and ours and best:
            ratios[query] = (ours / best[0], best[1])
    if not ratios:
        return
    mean = exp(sum(log(ratio) for ratio, _ in ratios.values()) / len(ratios))
    yield _least("seeded queries, req/s ÷ best GraphQL peer, geometric mean", _SEEDED_MEAN, mean)
    (worst, name), query = min((ratio, query) for query, ratio in ratios.items())
    yield _least(f"the worst of them ({query}, {name})", _SEEDED_WORST, worst)


def _least(figure: str, wanted: float, measured: float) -> Row:
    return [figure, f"≥ {wanted:g}", f"{measured:.2f}", "yes" if measured >= wanted else "NO"]


def _most(figure: str, wanted: float, measured: float | None) -> Row:
    assert measured is not None
    return [figure, f"≤ {wanted:.4g}", f"{measured:.2f}", "yes" if measured <= wanted else "NO"]
