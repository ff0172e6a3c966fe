"""Indexes of what others see: rows that athletes hide stand in none of them

What another athlete's list, sum or rank cost told how many runs they hide, because these were
looked at and left out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

_PUBLIC = "visibility = 'EVERYONE'"
_SUMMED = (
    "id, sport_type, duplicate_of_id, distance_m, moving_time_s, elapsed_time_s, elevation_gain_m"
)
_CURRENT, _GRADED = "is_current_for_others", "age_grade_percent IS NOT NULL"
_TRIGRAMS = "ix_activities_public_name_trigrams"
_HAS_EXTENSION = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')"
# The name, the table and the definition.
_INDEXES = (
    *(
        (f"ix_activities_public_{name}", "activities", f"({columns}) WHERE {_PUBLIC}")
        for name, columns in {
            "started_at": "started_at, id",
            "distance_m": "distance_m, id",
            "moving_time_s": "moving_time_s, id",
            "elapsed_time_s": "elapsed_time_s, id",
            "sport_type": "sport_type, started_at, id",
            "source": "source, started_at, id",
            "athlete_id_started_at": "athlete_id, started_at, id",
            "athlete_id_distance_m": "athlete_id, distance_m, id",
        }.items()
    ),
    *(
        (
            f"ix_activities_public_{column}",
            "activities",
            f"({column}, started_at, id) WHERE {_PUBLIC} AND {column} IS NOT NULL",
        )
        for column in ("gear_id", "duplicate_of_id")
    ),
    (
        "ix_activities_public_athlete_id_started_at_local",
        "activities",
        f"(athlete_id, started_at_local) INCLUDE ({_SUMMED}) WHERE {_PUBLIC}",
    ),
    (_TRIGRAMS, "activities", f"USING gin (lower(name) gin_trgm_ops) WHERE {_PUBLIC}"),
    (
        "ix_best_efforts_fastest_for_others",
        "best_efforts",
        "(athlete_id, distance, elapsed_s, achieved_at, id) WHERE counts_for_others",
    ),
    (
        "ix_personal_bests_history_for_others",
        "personal_bests",
        "(athlete_id, distance, achieved_at, id) WHERE for_others",
    ),
    (
        "ix_personal_bests_fastest_for_others",
        "personal_bests",
        f"(distance, elapsed_s, achieved_at, id) WHERE {_CURRENT}",
    ),
    (
        "ix_personal_bests_best_grade_for_others",
        "personal_bests",
        f"(distance, age_grade_percent DESC, achieved_at, id) WHERE {_CURRENT} AND {_GRADED}",
    ),
    (
        "ix_personal_bests_age_for_others",
        "personal_bests",
        f"(distance, age_on_day) WHERE {_CURRENT} AND age_on_day IS NOT NULL",
    ),
)
_PARTITIONS = sa.text(
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)"
)


def _partitions_of(table: str) -> list[str]:
    return list(op.get_bind().execute(_PARTITIONS, {"table": table}).scalars())


def _drop(name: str, table: str, partitions: list[str]) -> None:
    if not partitions:
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        return
    op.execute(f"DROP INDEX IF EXISTS {name}")  # with those of the partitions that it has
    for each in partitions:
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name.replace(table, each)}")


def _create(name: str, table: str, definition: str, partitions: list[str]) -> None:
    """Make an index while others write, that of a partitioned table from those of its partitions."""
    if not partitions:
        op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} {definition}")
        return
    op.execute(f"CREATE INDEX {name} ON ONLY {table} {definition}")
    for each in partitions:
        of_part = name.replace(table, each)
        op.execute(f"CREATE INDEX CONCURRENTLY {of_part} ON {each} {definition}")
        op.execute(f"ALTER INDEX {name} ATTACH PARTITION {of_part}")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        has_trigrams = op.get_bind().execute(sa.text(_HAS_EXTENSION)).scalar()  # see 0041
        for name, table, definition in _INDEXES:
            partitions = _partitions_of(table)
            _drop(name, table, partitions)  # one that was cut off before is there, and not valid
            if name != _TRIGRAMS or has_trigrams:
                _create(name, table, definition, partitions)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, _ in _INDEXES:
            _drop(name, table, _partitions_of(table))
