"""Tables into partitions by a hash of the athlete, and back into one table each (docs/partitions.md).

Beside a table T stands `T_next` while it is filled, which has the wanted partitions. A trigger of T
writes every change of T there, too. Once it has every row it takes T's place, and T is `T_former`
until it is dropped. Where the name of a table is text here, it is one of `TABLES`.
`partition_shape.py` knows what keys, indexes and references they have.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache

from sqlalchemy import Executable, Table, TextClause, text

from db.statements.server.partition_shape import (
    ATHLETE,
    NEXT,
    TABLES,
    Group,
    Reference,
    group_of,
    identity,
    indexes,
    keys,
    links,
    names,
    parts,
    references,
    referring,
    row,
)

FORMER = "_former"
_LEAST = -(2**63)
_LOCK = 0x70616365
"""As of migrations (`alembic/env.py`), which must not change the tables meanwhile."""
# For versions before migration 0056. Where the athlete tells the partition, no trigger can tell it.
_FILLER = """
    CREATE TRIGGER fill_athlete BEFORE INSERT ON {table} FOR EACH ROW
    WHEN (NEW.athlete_id IS NULL) EXECUTE FUNCTION fill_athlete_of_activity()
"""
_FILLED = {"activity_streams", "activity_stream_levels"}
_FOLLOW = """
    CREATE FUNCTION follow_{table}() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT
    AS $$ BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            DELETE FROM {table}_next;
            RETURN NULL;
        END IF;
        IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND ({old}) IS DISTINCT FROM ({new}) THEN
            DELETE FROM {table}_next WHERE ({row}) = ({old});
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO {table}_next ({columns}) VALUES ({values})
            ON CONFLICT ({conflict}) DO UPDATE SET ({columns}) = ROW ({excluded});
        END IF;
        RETURN NULL;
    END $$
"""
_COPY = """
    WITH part AS MATERIALIZED (
        SELECT {row} FROM {table} WHERE ({order}) > ({after}) ORDER BY {order} LIMIT :most
    ), absent AS MATERIALIZED (
        SELECT {row} FROM part WHERE NOT EXISTS (SELECT FROM {table}_next n WHERE {is_there})
    ), found AS MATERIALIZED (
        SELECT here.* FROM absent JOIN {table} here USING ({row})
        {joined}
        FOR NO KEY UPDATE OF here SKIP LOCKED FOR KEY SHARE OF {referred} SKIP LOCKED
    ), copied AS (
        INSERT INTO {table}_next ({columns}) SELECT {columns} FROM found
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT {order}, (SELECT count(*) FROM absent) AS absent, (SELECT count(*) FROM copied) AS copied
    FROM part ORDER BY {descending} LIMIT 1
"""
_TRIGGERS = """
    SELECT statement FROM pg_trigger, LATERAL (VALUES
        (1, pg_get_triggerdef(oid)),
        (2, format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname))
    ) made(place, statement)
    WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal AND (place = 1 OR tgenabled = 'A')
    AND tgname <> ALL (ARRAY['follow', 'follow_truncate', 'fill_athlete'])
    ORDER BY tgname, place
"""
_INDEXES = """
    SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = to_regclass(:table) ORDER BY 1
"""
_GRANTS = """
    SELECT format('GRANT %s ON {table}_next TO %s%s', privilege_type,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_class, aclexplode(relacl) WHERE oid = '{table}'::regclass
    UNION ALL
    SELECT format('ALTER TABLE {table}_next OWNER TO %s', relowner::regrole) FROM pg_class
    WHERE oid = '{table}'::regclass AND relowner <> current_user::regrole
"""
# What others made of a table, and would go with it.
_OBSTACLES = """
    SELECT DISTINCT 'the view ' || ev_class::regclass FROM pg_depend
    JOIN pg_rewrite w ON w.oid = objid WHERE classid = 'pg_rewrite'::regclass
    AND refobjid = to_regclass(:table)
    UNION ALL SELECT format('the foreign key %s of %s', conname, conrelid::regclass)
    FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass(:table) AND conparentid = 0
    AND conrelid::regclass::text <> ALL (:referring)
    UNION ALL SELECT 'the index ' || indexrelid::regclass FROM pg_index
    WHERE indrelid = to_regclass(:table) AND indexrelid::regclass::text <> ALL (:indexes)
    UNION ALL SELECT 'the publication ' || pubname FROM pg_publication_rel
    JOIN pg_publication p ON p.oid = prpubid WHERE prrelid = to_regclass(:table)
    UNION ALL SELECT 'row security' FROM pg_class
    WHERE oid = to_regclass(:table) AND relrowsecurity
"""
_UNCHECKED = """
    SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname)
    FROM pg_constraint WHERE NOT convalidated AND contype = 'f' AND conparentid = 0 AND (
        conname = ANY (:names) AND conrelid = ANY (CAST(:parts AS regclass[]))
        OR confrelid = to_regclass(:table)
    ) ORDER BY 1
"""
# Foreign keys of other tables, which lead to the new table once it has the name.
_REFERRING = """
    SELECT name, kind = 'p' AS is_in_partitions,
        format('ALTER TABLE %s DROP CONSTRAINT %I', name, conname) AS drop,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', name, conname, definition) AS add
    FROM pg_constraint c JOIN pg_class k ON k.oid = conrelid, LATERAL (SELECT
        conrelid::regclass::text AS name, relkind AS kind,
        replace(pg_get_constraintdef(c.oid), ' NOT VALID', '') AS definition
    ) found
    WHERE contype = 'f' AND confrelid = to_regclass(:table) AND conparentid = 0
    AND conrelid::regclass::text <> ALL (:group)
    ORDER BY name, conname
"""
_STATE = """
    SELECT name, to_regclass(name) IS NOT NULL AS is_there,
        (SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(name)) AS partitions,
        sum(pg_stat_get_live_tuples(relid))::bigint AS rows,
        sum(pg_table_size(relid) + pg_indexes_size(relid))::bigint AS bytes,
        (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attname)
            FROM pg_attribute WHERE attrelid = to_regclass(name) AND attnum > 0
            AND NOT attisdropped) AS columns
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS named(name, place)
    CROSS JOIN LATERAL (
        SELECT to_regclass(name) AS relid UNION SELECT relid FROM pg_partition_tree(to_regclass(name))
    ) tree
    GROUP BY name, place ORDER BY place
"""


def states() -> Executable:
    """Select a row of each table and its `…_next` and `…_former`, in this order.

    Columns: `name`, `is_there`, `partitions` (0: none), about how many `rows`, `bytes`, `columns`.
    """
    names = [table.name + suffix for table in TABLES for suffix in ("", NEXT, FORMER)]
    return text(_STATE).bindparams(names=names)


def lock() -> Executable:
    """Keep others from changing tables in this transaction; selects false where a migration does."""
    return text(f"SELECT pg_try_advisory_xact_lock({_LOCK})")


def lock_in_turn() -> Executable:
    """Do so after the others have."""
    return text(f"SELECT pg_advisory_xact_lock({_LOCK})")


def wait_briefly(tables: int = 6) -> Executable:
    """Limit waits for locks of so many tables to less than PostgreSQL's `deadlock_timeout` of 1 s.

    So whoever waits for this in turn is never the one that is rolled back.
    """
    return text(f"SET LOCAL lock_timeout = {900 // max(tables, 6)}")


def obstacles(table: Table) -> Executable:
    """Select what stands in the way of another table in the place of `table`, in words."""
    ours = referring(table)
    kept = [name for shape in (1, 2) for name in _all_indexes(table, shape)]
    return text(_OBSTACLES).bindparams(
        table=table.name, referring=[*ours, *(name + NEXT for name in ours)], indexes=kept
    )


def grants(table: Table) -> Executable:
    """Select the statements that let the same roles use `…_next`."""
    return text(_GRANTS.format(table=table.name))


def triggers(table: Table) -> Executable:
    """Select the statements that make the triggers of `table`, but those of this module."""
    return text(_TRIGGERS).bindparams(table=table.name)


def index_names(name: str) -> Executable:
    """Select the names of the indexes of the table `name`."""
    return text(_INDEXES).bindparams(table=name)


def run(statement: str) -> TextClause:
    """Make a statement that PostgreSQL wrote, without parameters."""
    return text(statement.replace(":", r"\:"))


def create(table: Table, partitions: int, present: AbstractSet[str]) -> Iterator[TextClause]:
    """Make `…_next`, empty, and the trigger by which it follows. With 1 partition it has none.

    `present` are the names of the table's indexes: without PostgreSQL's trigrams it lacks some.
    """
    name = table.name
    by = f"PARTITION BY HASH ({ATHLETE})" if partitions > 1 else ""
    like = "INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMPRESSION"
    yield text(f"CREATE TABLE {name}_next (LIKE {name} {like}) {by}")
    for number, part in enumerate(parts(table, partitions) if partitions > 1 else ()):
        yield text(
            f"CREATE TABLE {part} PARTITION OF {name}_next "
            f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
        )
    for key in keys(table, partitions):
        columns = ", ".join(key.columns)
        yield text(f"ALTER TABLE {name}_next ADD CONSTRAINT {key.name}_next {key.kind} ({columns})")
    absent = {str(each.name) for each in table.indexes} - present
    for index, statement in indexes(table, partitions):
        if index not in absent:
            yield run(statement)
    for each in references(table, partitions):
        there = each._replace(table=_while_filled(each.table, table))
        yield text(f"ALTER TABLE {name}_next ADD CONSTRAINT {each.name} {there.definition}")
    yield from _follow(table, partitions)


def _while_filled(referred: str, table: Table) -> str:
    """Name the table that rows of `…_next` refer to."""
    return referred + NEXT if referred in names(group_of(table)) else referred


def _follow(table: Table, partitions: int) -> Iterator[TextClause]:
    """Make the trigger, which fires also where others are switched off."""
    name, columns = table.name, names(table.columns)
    of_row = row(table)
    yield run(
        _FOLLOW.format(
            table=name,
            row=", ".join(of_row),
            old=_of("OLD", of_row),
            new=_of("NEW", of_row),
            columns=", ".join(columns),
            values=_of("NEW", columns),
            excluded=_of("excluded", columns),
            conflict=", ".join(identity(table, partitions)),
        )
    )
    for trigger, events, each in (
        ("follow", "INSERT OR UPDATE OR DELETE", "ROW"),
        ("follow_truncate", "TRUNCATE", "STATEMENT"),
    ):
        yield text(
            f"CREATE TRIGGER {trigger} AFTER {events} ON {name} FOR EACH {each} "
            f"EXECUTE FUNCTION follow_{name}()"
        )
        yield text(f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {trigger}")


def copying() -> Sequence[TextClause]:
    """Make the statements before `copy` in its transaction: each row is looked up by a key."""
    return [text(f"SET LOCAL enable_{way} = off") for way in ("hashjoin", "mergejoin", "seqscan")]


@cache
def copy(table: Table, partitions: int) -> Executable:
    """Copy the rows among the next `most` that `…_next` lacks, in the order of `identity`.

    Begin after `after_0`, `after_1`, … of the row before (`first`). Selects the last row's key with
    how many were `absent`, and how many of these are `copied`; nothing at the end. The others were
    locked by who changes them or what they refer to: nobody waits for this, nor this for them.
    `partitions` are those of the table that is read.
    """
    order, of_row = identity(table, partitions), row(table)
    # As in partitions: that row can be one only, and its key leads to it in both shapes.
    referred = [
        each._replace(table=_while_filled(each.table, table)) for each in references(table, 2)
    ]
    return text(
        _COPY.format(
            table=table.name,
            row=", ".join(of_row),
            order=", ".join(order),
            after=", ".join(f"CAST(:after_{place} AS bigint)" for place in range(len(order))),
            descending=", ".join(f"{each} DESC" for each in order),
            columns=", ".join(names(table.columns)),
            is_there=" AND ".join(f"n.{each} = part.{each}" for each in of_row),
            joined=" ".join(_joined(f"r{place}", each) for place, each in enumerate(referred)),
            referred=", ".join(f"r{place}" for place in range(len(referred))),
        )
    )


def _joined(alias: str, to: Reference) -> str:
    pairs = zip(to.there, to.columns, strict=True)
    same = " AND ".join(f"{alias}.{there} = here.{column}" for there, column in pairs)
    return f"JOIN {to.table} {alias} ON {same}"


def first(table: Table, partitions: int) -> list[int]:
    """Give the key that lies before the first row in the order of `copy`."""
    return [_LEAST] * len(identity(table, partitions))


def analyze(table: Table) -> TextClause:
    """Gather statistics of `…_next`, which PostgreSQL does not do by itself for all partitions."""
    return text(f"ANALYZE {table.name}_next")


def referring_keys(table: Table) -> Executable:
    """Select the foreign keys by which tables of other groups, or of none, refer to it.

    Columns: `name` of the referring table, whether it `is_in_partitions`, and the statements that
    `drop` the key and `add` it again, unchecked, to the table that has the name then.
    """
    group = [each.name for each in group_of(table)]
    return text(_REFERRING).bindparams(
        table=table.name, group=[*group, *(name + NEXT for name in group)]
    )


def lock_all(group: Group, others: Sequence[str], linked_to: Sequence[str]) -> list[TextClause]:
    """Lock the tables against everybody, those that others refer to last.

    Who writes what is `linked_to` waits, too, but not who reads it: so a foreign key locks it. It
    comes first, as gear is written before the activities with it.
    """
    pairs = (f"{table.name}, {table.name}_next" for table in reversed(group))
    return [
        *(text(f"LOCK TABLE {each} IN SHARE ROW EXCLUSIVE MODE") for each in linked_to),
        *(text(f"LOCK TABLE {each} IN ACCESS EXCLUSIVE MODE") for each in (*others, *pairs)),
    ]


def take_place(
    table: Table, partitions: int, before: Sequence[str], after: Sequence[str]
) -> Iterator[TextClause]:
    """Let `…_next` be the table, yet without triggers, and the table `…_former`, whose are switched off.

    `before` are the names of the table's indexes, `after` those of the other. Links hold from then
    on; `unchecked` tells how rows from before are looked at.
    """
    name = table.name
    yield from _unfollow(table)
    yield text(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    for index in before:
        yield text(f"ALTER INDEX {index} RENAME TO {index}{FORMER}")
    yield text(f"ALTER TABLE {name} RENAME TO {name}{FORMER}")
    for index in after:
        yield text(f"ALTER INDEX {index} RENAME TO {index.removesuffix(NEXT)}")
    yield text(f"ALTER TABLE {name}{NEXT} RENAME TO {name}")
    for each in links(table, partitions):
        for part in parts(table, partitions):
            there = part if each.table == name else each.table
            definition = each._replace(table=there).definition
            yield text(f"ALTER TABLE {part} ADD CONSTRAINT {each.name} {definition} NOT VALID")
    if partitions == 1 and name in _FILLED:
        yield text(_FILLER.format(table=name))
        yield text(f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER fill_athlete")


def unchecked(table: Table, partitions: int) -> Executable:
    """Select the statements that look whether links and references to it hold, where none did."""
    named = [each.name for each in links(table, partitions)]
    return text(_UNCHECKED).bindparams(
        table=table.name, names=named, parts=parts(table, partitions)
    )


def _unfollow(table: Table) -> Iterator[TextClause]:
    yield text(f"DROP TRIGGER IF EXISTS follow ON {table.name}")
    yield text(f"DROP TRIGGER IF EXISTS follow_truncate ON {table.name}")
    yield text(f"DROP FUNCTION IF EXISTS follow_{table.name}()")


def cancel() -> list[TextClause]:
    """Drop each `…_next`, and what made it follow."""
    return [*(each for table in TABLES for each in _unfollow(table)), *_drop(TABLES, NEXT)]


def drop_former(group: Group) -> list[TextClause]:
    """Drop each `…_former`."""
    return _drop(group, FORMER)


def _drop(group: Group, suffix: str) -> list[TextClause]:
    return [text(f"DROP TABLE IF EXISTS {table.name}{suffix}") for table in reversed(group)]


def _all_indexes(table: Table, partitions: int) -> list[str]:
    of_keys = [each.name for each in keys(table, partitions)]
    return [*of_keys, *(name for name, _ in indexes(table, partitions))]


def _of(row: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{row}.{each}" for each in columns)
