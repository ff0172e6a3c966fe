"""Compare pacegraph with the peers, in turns: `make bench`, or `python -m bench.compare`.

Options are environment variables, read by bench/peers/bench.mjs: DUR and WARM (seconds), REPS
(rounds), SERVERS, QUERIES (of Q1,Q2,Q3,Q4), OUT (the file of results). CHECK=off skips the check
that the servers give equal answers. QUERY_SEED=7 compares the queries of a seed instead
(bench/seeded_queries.py), with the peers that have their schema.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.report import print_report
from bench.seeded_queries import own_text, queries, same_answer, write
from bench.serving import BENCH, PEERS, QUERIES, ROOT, Served, require_tools, served
from settings import child_environment

SERVERS = (
    "pacegraph,pacegraph-cache,mercurius,yoga,postgraphile,strawberry,go,bun-jit,fraiseql,"
    "mercurius-cache,mercurius-cache-redis,yoga-cache,limit,go-plain,go-plain-cache"
)
SEEDED_SERVERS = "pacegraph,mercurius,yoga,go,bun-jit"
"""Those whose schema has all that `bench.seeded_queries` asks for."""
VERIFIED = "mercurius,yoga,postgraphile,strawberry,go,bun-jit,fraiseql,limit"
CACHE_HOME = ROOT / ".local-bench-cache"
"""The folder of the second pacegraph, with the cache on."""
ROUNDS = "3"


def main() -> int:
    require_tools("node", "npm", "wrk")
    if not (PEERS / ".peers").exists():
        subprocess.run(["bash", "setup-peers.sh"], cwd=PEERS, check=True)
    given = child_environment()
    with tempfile.TemporaryDirectory() as folder:
        options = _seeded(int(given["QUERY_SEED"]), Path(folder)) if given.get("QUERY_SEED") else {
            "SERVERS": SERVERS,
            "VERIFY": VERIFIED,
        }  # fmt: skip
        options |= {"REPS": ROUNDS, "OUT": str(BENCH / "results.json"), "CHECK": "on"} | given
        _compare(options)
    return 0


def _seeded(seed: int, folder: Path) -> dict[str, str]:
    """Write the queries of a seed to `folder`; returns the options that name them."""
    names = write(seed, folder)
    return {
        "SERVERS": SEEDED_SERVERS,
        "VERIFY": SEEDED_SERVERS.removeprefix("pacegraph,"),
        "QUERIES": ",".join(names),
        "QUERIES_FOLDER": str(folder),
        "ANSWERS": str(folder / "answers.json"),
    }


def _check_own_answers(seed: int, server: Served, peers: Path) -> None:
    """Compare pacegraph's answers to a seed's queries with a peer's. Exits if they differ."""
    answers = json.loads(peers.read_text())
    for name, query in queries(seed).items():
        own = json.loads(server.ask(own_text(query), {"id": server.first_id()}))["data"]
        if not same_answer(query, own, answers[name]):
            raise SystemExit(f"bench: pacegraph answers {name} otherwise than the peers")


def _compare(options: dict[str, str]) -> None:
    results = Path(options["OUT"]).resolve()
    folder = options.get("QUERIES_FOLDER")
    own = Path(folder) / "pacegraph" if folder else QUERIES
    with served() as server, served(CACHE_HOME, CACHE="on", PORT="4230") as cached:
        environment = options | _environment(server, cached, own) | {"OUT": str(results)}
        if options["CHECK"] == "on":
            subprocess.run(["node", "verify.mjs"], cwd=PEERS, env=environment, check=True)
            if seed := options.get("QUERY_SEED"):
                _check_own_answers(int(seed), server, Path(options["ANSWERS"]))
        subprocess.run(
            ["node", "bench.mjs", options["REPS"]], cwd=PEERS, env=environment, check=True
        )
    print()
    print_report(json.loads(results.read_text())["runs"])


def _external(server: Served, queries: Path) -> dict[str, object]:
    return {
        "url": server.graphql,
        "pids": server.pids,
        "helperPids": [server.redis_pid],
        "queries": str(queries),
        "ids": server.ids,
        "token": server.token,
        "pgdata": server.pgdata,
        "pgLog": str(Path(server.logs) / "postgres.log"),
    }


def _environment(server: Served, cached: Served, queries: Path) -> dict[str, str]:
    return {
        "EXTERNAL": json.dumps(
            {
                "pacegraph": _external(server, queries),
                "pacegraph-cache": _external(cached, queries),
            }
        ),
        "PGHOST": server.pghost,
        "PGDATA": server.pgdata,
        "PYTHON": sys.executable,
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }


if __name__ == "__main__":
    sys.exit(main())
