"""What PostgreSQL does with partitions on other servers, as decision 0035 tells: three servers, one killed.

Where a newer PostgreSQL refuses less this fails: then the decision is to be looked at again.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.kinds import ROOT
from tests.replication import Server

pytestmark = pytest.mark.whole

DECISION = ROOT / "docs/decisions/0035-one-table-for-all-athletes.md"
ATHLETES, RUNS = 20, 3
RUN = "athlete_id bigint, id bigint, km float8"
PARTITION = """
    CREATE FOREIGN TABLE {table}_{number} PARTITION OF {table}
        FOR VALUES WITH (MODULUS 3, REMAINDER {number}) SERVER server_{number}
        OPTIONS (table_name '{table}')
"""
KEYED = f"CREATE TABLE keyed ({RUN}, PRIMARY KEY (athlete_id, id)) PARTITION BY HASH (athlete_id)"
CONFLICT = "INSERT INTO runs VALUES (1, 1, 6) ON CONFLICT (athlete_id, id) DO UPDATE SET km = 6"
MERGE = """
    MERGE INTO runs USING (VALUES (1, 1)) v (athlete, run) ON athlete_id = athlete AND id = run
    WHEN MATCHED THEN UPDATE SET km = 6
"""
TELLS = """
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER tell AFTER INSERT ON runs REFERENCING NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION tell()
"""
REFUSED = {
    "cannot create foreign partition of partitioned table": (
        KEYED,
        PARTITION.format(number=1, table="keyed"),
    ),
    "cannot create unique index on partitioned table": (
        "ALTER TABLE runs ADD PRIMARY KEY (athlete_id, id)",
    ),
    "there is no unique or exclusion constraint matching the ON CONFLICT specification": (
        CONFLICT,
    ),
    "cannot execute MERGE on relation": (MERGE,),
    "there is no unique constraint matching given keys for referenced table": (
        "CREATE TABLE efforts (a bigint, b bigint, FOREIGN KEY (a, b) REFERENCES runs (athlete_id, id))",
    ),
    "foreign key constraints are not supported on foreign tables": (
        "ALTER TABLE runs ADD FOREIGN KEY (athlete_id) REFERENCES athletes NOT ENFORCED",
    ),
    "cannot collect transition tuples from child foreign tables": (
        TELLS,
        f"INSERT INTO runs SELECT n, 99, 5 FROM generate_series(1, {ATHLETES}) n",
    ),
}
READS = {
    "a constant": "SELECT count(*) FROM runs WHERE athlete_id = {}",
    "a parameter": "EXECUTE of_one({})",
    "a joined row": (
        "SELECT n FROM athletes a, LATERAL (SELECT count(*) FROM runs WHERE athlete_id = a.id) r (n) "
        "WHERE a.id = {}"
    ),
    "several, as a parameter": "EXECUTE of_several(ARRAY[{}])",
    "a joined row, by a function": (
        "SELECT count(*) FROM athletes a, LATERAL runs_of(a.id) WHERE a.id = {}"
    ),
}
ASK_EVERY_SERVER = {"a joined row", "several, as a parameter"}
FUNCTION = """
    CREATE FUNCTION runs_of(athlete bigint) RETURNS SETOF runs STABLE LANGUAGE plpgsql
    AS $$ BEGIN RETURN QUERY SELECT * FROM runs WHERE athlete_id = athlete; END $$
"""
PLACE = "SELECT tableoid::regclass::text FROM runs WHERE athlete_id = {} LIMIT 1"


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Server]]:
    """Three servers. The first one has runs of athletes, of which two thirds are on the others."""
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-elsewhere-"))
    folder.chmod(0o755)
    made = [Server(folder / str(number)) for number in range(3)]
    for each in made:
        each.create()
        each.start()
    for each in made[1:]:
        each.run(f"CREATE TABLE runs ({RUN}, PRIMARY KEY (athlete_id, id))")
    for statement in _statements(made[1:]):
        made[0].run(statement)
    yield made
    for each in made:
        if each.is_running:
            each.stop()
    shutil.rmtree(folder)


def _statements(others: list[Server]) -> Iterator[str]:
    yield "CREATE EXTENSION postgres_fdw"
    yield f"CREATE TABLE athletes AS SELECT generate_series(1, {ATHLETES})::bigint AS id"
    yield "ALTER TABLE athletes ADD PRIMARY KEY (id)"
    yield f"CREATE TABLE runs ({RUN}) PARTITION BY HASH (athlete_id)"
    yield "CREATE TABLE runs_0 PARTITION OF runs FOR VALUES WITH (MODULUS 3, REMAINDER 0)"
    for number, each in enumerate(others, 1):
        host, _, port = each.address.partition(":")
        yield (
            f"CREATE SERVER server_{number} FOREIGN DATA WRAPPER postgres_fdw "
            f"OPTIONS (host '{host}', port '{port}', dbname 'postgres')"
        )
        yield f"CREATE USER MAPPING FOR postgres SERVER server_{number} OPTIONS (user 'postgres')"
        yield PARTITION.format(number=number, table="runs")
    yield f"INSERT INTO runs SELECT a.id, n, 5 FROM athletes a, generate_series(1, {RUNS}) n"
    yield FUNCTION


@pytest.fixture
def here(servers: list[Server]) -> Iterator[psycopg.Connection]:
    """The first server, each statement in a transaction of its own."""
    with psycopg.connect(servers[0].url, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("PREPARE of_one AS SELECT count(*) FROM runs WHERE athlete_id = $1")
        connection.execute(
            "PREPARE of_several AS SELECT count(*) FROM runs WHERE athlete_id = ANY ($1)"
        )
        yield connection


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(here, message):
    *before, statement = REFUSED[message]
    with here.transaction(force_rollback=True):
        for each in before:
            here.execute(each)
        with pytest.raises(psycopg.Error, match=message):
            here.execute(statement)
    assert f"`{message}" in DECISION.read_text()


def test_a_killed_server_takes_all_athletes_where_a_joined_row_tells_whose_runs(servers, here):
    def first(statement: str, athlete: int) -> object:
        return here.execute(statement.format(athlete)).fetchone()[0]

    where = {athlete: first(PLACE, athlete) for athlete in range(1, ATHLETES + 1)}
    assert set(where.values()) == {"runs_0", "runs_1", "runs_2"}
    for read in READS.values():
        assert first(read, 1) == RUNS
    servers[2].kill()
    for name, read in READS.items():
        for athlete, place in where.items():
            if place != "runs_2" and name not in ASK_EVERY_SERVER:
                assert first(read, athlete) == RUNS
                continue
            with pytest.raises(psycopg.OperationalError, match='connect to server "server_2"'):
                first(read, athlete)
