"""Personal bests as other users see them, and the consent to show age grades

The bests for others are derived from activities visible to everyone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As the recalculation of this version wrote it. Athletes without hidden runs only need a copy.
_STANDS = """
    (a.duplicate_of_id IS NULL OR NOT EXISTS (
        SELECT FROM activities other WHERE other.visibility = 'EVERYONE' AND (
            other.id = a.duplicate_of_id
            OR (other.duplicate_of_id = a.duplicate_of_id AND other.id < a.id)
        )
    ))
"""
_COUNT = f"""
    WITH candidates AS (
        SELECT e.id, e.athlete_id, e.distance, e.elapsed_s, e.implied
        FROM best_efforts e JOIN activities a ON a.id = e.activity_id
        WHERE NOT e.excluded AND NOT a.flagged AND a.visibility = 'EVERYONE'
        AND a.sport_type IN ('Run', 'TrailRun', 'VirtualRun') AND {_STANDS}
    ), slowest AS (
        SELECT athlete_id, distance, max(elapsed_s) AS elapsed_s
        FROM candidates WHERE NOT implied GROUP BY 1, 2
    )
    UPDATE best_efforts e SET counts_for_others = true
    FROM candidates c LEFT JOIN slowest s USING (athlete_id, distance)
    WHERE c.id = e.id AND (NOT c.implied OR c.elapsed_s < s.elapsed_s)
"""  # noqa: S608 - made of the constants above
_IMPROVE = """
    INSERT INTO personal_bests (
        id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at, is_current,
        for_athlete, for_others, previous_for_others_id, improvement_for_others_s,
        is_current_for_others)
    SELECT id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at, false,
           false, true, lag(id) OVER by_time, best_before - elapsed_s, lead(id) OVER by_time IS NULL
    FROM (
        SELECT *, min(elapsed_s) OVER (
            PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS best_before
        FROM best_efforts WHERE counts_for_others
    ) ordered
    WHERE best_before IS NULL OR elapsed_s < best_before
    WINDOW by_time AS (PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id)
    ON CONFLICT (id) DO UPDATE SET for_others = true,
        previous_for_others_id = excluded.previous_for_others_id,
        improvement_for_others_s = excluded.improvement_for_others_s,
        is_current_for_others = excluded.is_current_for_others
"""


def upgrade() -> None:
    op.add_column(
        "athletes",
        sa.Column("shares_age_grades", sa.Boolean(), server_default="false", nullable=False),
    )
    op.add_column(
        "best_efforts",
        sa.Column("counts_for_others", sa.Boolean(), server_default="false", nullable=False),
    )
    _add_columns_of_personal_bests()
    op.execute(_COUNT)
    op.execute(_IMPROVE)
    # Links between bests are checked at the end of the transaction; indexes can only be created
    # after the check.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    op.drop_index("ix_best_efforts_ranking", table_name="best_efforts")
    _create_ranking(["counts", "counts_for_others", "implied"])
    op.drop_index("ix_personal_bests_leaderboard", table_name="personal_bests")
    _create_leaderboard("is_current OR is_current_for_others")
    op.create_index(
        "uq_personal_bests_current_for_others",
        "personal_bests",
        ["athlete_id", "distance"],
        unique=True,
        postgresql_where=sa.text("is_current_for_others"),
    )
    op.create_index(
        "ix_personal_bests_previous_for_others_id",
        "personal_bests",
        ["previous_for_others_id"],
        unique=False,
        postgresql_where=sa.text("previous_for_others_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM personal_bests WHERE NOT for_athlete")
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    op.drop_index("ix_personal_bests_previous_for_others_id", table_name="personal_bests")
    op.drop_index("uq_personal_bests_current_for_others", table_name="personal_bests")
    op.drop_index("ix_personal_bests_leaderboard", table_name="personal_bests")
    op.drop_index("ix_best_efforts_ranking", table_name="best_efforts")
    for name in (
        "is_current_for_others",
        "improvement_for_others_s",
        "previous_for_others_id",
        "for_others",
        "for_athlete",
    ):
        op.drop_column("personal_bests", name)
    op.drop_column("best_efforts", "counts_for_others")
    op.drop_column("athletes", "shares_age_grades")
    _create_ranking(["counts", "implied"])
    _create_leaderboard("is_current")


def _add_columns_of_personal_bests() -> None:
    for column in (
        sa.Column("for_athlete", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("for_others", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("previous_for_others_id", sa.BigInteger(), nullable=True),
        sa.Column("improvement_for_others_s", sa.Double(), nullable=True),
        sa.Column("is_current_for_others", sa.Boolean(), server_default="false", nullable=False),
    ):
        op.add_column("personal_bests", column)
    op.create_foreign_key(
        op.f("fk_personal_bests_previous_for_others_id"),
        "personal_bests",
        "personal_bests",
        ["previous_for_others_id"],
        ["id"],
        ondelete="SET NULL",
        initially="DEFERRED",
        deferrable=True,
    )
    for name, condition in (
        ("improvement_for_others_s_positive", "improvement_for_others_s > 0"),
        (
            "improvement_for_others_on_previous",
            "previous_for_others_id IS NULL OR improvement_for_others_s IS NOT NULL",
        ),
        ("for_somebody", "for_athlete OR for_others"),
        ("for_athlete", "for_athlete OR NOT (is_current OR improvement_s IS NOT NULL)"),
        (
            "for_others",
            "for_others OR NOT (is_current_for_others OR improvement_for_others_s IS NOT NULL)",
        ),
    ):
        op.create_check_constraint(op.f(f"ck_personal_bests_{name}"), "personal_bests", condition)


def _create_ranking(included: list[str]) -> None:
    columns = ["athlete_id", "distance", "elapsed_s", "id"]
    op.create_index(
        "ix_best_efforts_ranking",
        "best_efforts",
        columns,
        unique=False,
        postgresql_include=included,
    )


def _create_leaderboard(condition: str) -> None:
    columns = ["distance", "elapsed_s", "id"]
    where = sa.text(condition)
    op.create_index(
        "ix_personal_bests_leaderboard",
        "personal_bests",
        columns,
        unique=False,
        postgresql_where=where,
    )
