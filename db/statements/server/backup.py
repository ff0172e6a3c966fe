"""What backups read of a whole database, and how a restore sets the old one aside."""

from sqlalchemy import Executable, TextClause, text

SCHEMA = "public"
SET_ASIDE = "pacegraph_before_restore"
"""The schema that the old database has while another one is restored."""
REPLACED = "pacegraph_replaced"
"""The schema that it has from when the other one is whole, until it is dropped."""


def export_snapshot() -> Executable:
    """Select the name of this transaction's snapshot, by which others see the same rows."""
    return text("SELECT pg_export_snapshot()")


def server_version() -> Executable:
    """Select PostgreSQL's version as a number, such as 180006."""
    return text("SELECT current_setting('server_version_num')::int")


def table_names() -> Executable:
    """Select the names of all tables, in order."""
    return text(
        "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )


def extensions(schema: str = SCHEMA) -> Executable:
    """Select the names of the extensions that a schema has."""
    return text(
        "SELECT extname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
        "WHERE n.nspname = :schema ORDER BY extname"
    ).bindparams(schema=schema)


def other_processes() -> Executable:
    """Select the names of our processes that are connected, but for this one.

    Behind a pooler each connection has a number after its name.
    """
    return text(
        "SELECT DISTINCT split_part(application_name, ' #', 1) FROM pg_stat_activity "
        "WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND starts_with(application_name, 'pacegraph') "
        "AND application_name <> current_setting('application_name') ORDER BY 1"
    )


def is_there(schema: str) -> Executable:
    """Select whether an earlier restore ended before it was over, and left `schema`."""
    return text("SELECT to_regnamespace(:name) IS NOT NULL").bindparams(name=schema)


def set_aside(names: list[str]) -> list[TextClause]:
    """Give the old schema another name and make a new one, to which the extensions `names` move."""
    return [
        text(f"ALTER SCHEMA {SCHEMA} RENAME TO {SET_ASIDE}"),
        text(f"CREATE SCHEMA {SCHEMA}"),
        text(f"GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC"),
        *(_move(name, SCHEMA) for name in names),
    ]


def put_back(names: list[str]) -> list[TextClause]:
    """Drop the new schema and give the old one its name again, with the extensions `names`."""
    return [
        *(_move(name, SET_ASIDE) for name in names),
        text(f"DROP SCHEMA {SCHEMA} CASCADE"),
        text(f"ALTER SCHEMA {SET_ASIDE} RENAME TO {SCHEMA}"),
    ]


def take_place(migration: str) -> list[TextClause]:
    """Note the `migration` of the new schema, which is whole, and that the old one may be dropped."""
    noted = text("INSERT INTO alembic_version (version_num) VALUES (:migration)")
    return [
        noted.bindparams(migration=migration),
        text(f"ALTER SCHEMA {SET_ASIDE} RENAME TO {REPLACED}"),
    ]


def forget_old() -> Executable:
    """Drop what was replaced."""
    return text(f"DROP SCHEMA IF EXISTS {REPLACED} CASCADE")


def without_statistics() -> Executable:
    """Select the names of tables without statistics: their plans are bad until there are any."""
    return text(
        "SELECT tablename FROM pg_catalog.pg_tables t WHERE schemaname = 'public' AND NOT EXISTS ("
        "SELECT FROM pg_catalog.pg_stats s WHERE s.schemaname = 'public' AND "
        "s.tablename = t.tablename)"
    )


def analyze(name: str) -> Executable:
    """Gather the statistics of a table."""
    return text(f"ANALYZE {SCHEMA}.{_quoted(name)}")


def make_extension(name: str) -> Executable:
    """Create an extension where it is not there."""
    return text(f"CREATE EXTENSION IF NOT EXISTS {_quoted(name)} SCHEMA {SCHEMA}")


def _move(name: str, schema: str) -> TextClause:
    return text(f"ALTER EXTENSION {_quoted(name)} SET SCHEMA {schema}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
