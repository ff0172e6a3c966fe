"""Compare pacegraph with the peers, in turns: `make bench`, or `python -m bench.compare`.

Options are environment variables, read by bench/peers/bench.mjs: DUR and WARM (seconds), REPS
(rounds), SERVERS, QUERIES (of Q1,Q2,Q3,Q4), OUT (the file of results). CHECK=off skips the check
that the peers give equal answers.
"""

import json
import subprocess
import sys
from pathlib import Path

from bench.report import print_report
from bench.serving import BENCH, PEERS, QUERIES, ROOT, Served, require_tools, served
from settings import child_environment

SERVERS = "pacegraph,pacegraph-cache,mercurius,yoga,postgraphile,strawberry,limit"
CACHE_HOME = ROOT / ".local-bench-cache"
"""The folder of the second pacegraph, with the cache on."""
ROUNDS = "3"


def main() -> int:
    require_tools("node", "npm", "wrk")
    if not (PEERS / "node_modules" / ".package-lock.json").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PEERS, check=True)
    options = {
        "REPS": ROUNDS,
        "SERVERS": SERVERS,
        "OUT": str(BENCH / "results.json"),
        "CHECK": "on",
    }
    options |= child_environment()
    results = Path(options["OUT"]).resolve()
    with served() as server, served(CACHE_HOME, CACHE="on", PORT="4210") as cached:
        environment = options | _environment(server, cached) | {"OUT": str(results)}
        if options["CHECK"] == "on":
            subprocess.run(["node", "verify.mjs"], cwd=PEERS, env=environment, check=True)
        subprocess.run(
            ["node", "bench.mjs", options["REPS"]], cwd=PEERS, env=environment, check=True
        )
    print()
    print_report(json.loads(results.read_text())["runs"])
    return 0


def _external(server: Served) -> dict[str, object]:
    return {
        "url": server.graphql,
        "pids": server.pids,
        "helperPids": [server.redis_pid],
        "queries": str(QUERIES),
        "ids": server.ids,
        "token": server.token,
        "pgdata": server.pgdata,
        "pgLog": str(Path(server.logs) / "postgres.log"),
    }


def _environment(server: Served, cached: Served) -> dict[str, str]:
    return {
        "EXTERNAL": json.dumps(
            {"pacegraph": _external(server), "pacegraph-cache": _external(cached)}
        ),
        "PGHOST": server.pghost,
        "PGDATA": server.pgdata,
        "PYTHON": sys.executable,
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }


if __name__ == "__main__":
    sys.exit(main())
