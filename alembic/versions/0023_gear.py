"""Gear of activities

Gear is filled by the next syncs. The new key is checked and its index built while others read and
write, after the rest is committed; interrupted, the migration begins again. A downgrade drops the
gear; after the next upgrade syncs bring it again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_INDEX = "ix_activities_gear_id"
_KEY = "fk_activities_gear_id"


def upgrade() -> None:
    op.create_table(
        "gear",
        sa.Column(
            "id",
            sa.BigInteger(),
            server_default=sa.text(
                "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
                " & 4611686018427387903 | 4611686018427387904"
            ),
            nullable=False,
        ),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("strava_id", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("stated_distance_m", sa.Double()),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_gear"),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athletes.id"], name="fk_gear_athlete_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("athlete_id", "strava_id", name="uq_gear_athlete_id_strava_id"),
        sa.CheckConstraint(
            "stated_distance_m >= 0 AND stated_distance_m < 'Infinity'::float8",
            name=op.f("ck_gear_stated_distance_m_range"),
        ),
        if_not_exists=True,
    )
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE OR REPLACE TRIGGER note_{event.lower()} AFTER {event} ON gear "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_rows()"
        )
    op.execute(
        "CREATE OR REPLACE TRIGGER note_truncate AFTER TRUNCATE ON gear "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_emptied_table()"
    )
    column = sa.Column("gear_id", sa.BigInteger(), nullable=True)
    op.add_column("activities", column, if_not_exists=True)
    op.drop_constraint(_KEY, "activities", if_exists=True)
    op.create_foreign_key(
        _KEY,
        "activities",
        "gear",
        ["gear_id"],
        ["id"],
        ondelete="SET NULL",
        postgresql_not_valid=True,
    )
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE activities VALIDATE CONSTRAINT {_KEY}")
        op.drop_index(_INDEX, "activities", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            "activities",
            ["gear_id", "started_at", "id"],
            postgresql_where=sa.text("gear_id IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(_INDEX, "activities")
    op.drop_column("activities", "gear_id")
    op.drop_table("gear")
