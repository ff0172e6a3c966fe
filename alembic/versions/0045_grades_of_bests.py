"""Age grades of personal bests, beside those of their efforts; an index for leaderboards

Lists of bests are read without a look at each effort. What is there is copied in parts, each in a
transaction of its own, while others read and write.
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_INDEX = "ix_personal_bests_best_grade"
_SHOWN = "(is_current OR is_current_for_others) AND age_grade_percent IS NOT NULL"
_AT_ONCE = 10_000
_COPY = sa.text("""
    WITH part AS (
        SELECT id FROM personal_bests WHERE id > :after ORDER BY id LIMIT :at_once
    ), copied AS (
        UPDATE personal_bests p SET age_grade_percent = e.age_grade_percent
        FROM part JOIN best_efforts e USING (id)
        WHERE p.id = part.id AND p.age_grade_percent IS DISTINCT FROM e.age_grade_percent
    )
    SELECT max(id) FROM part
""")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.add_column(
            "personal_bests", sa.Column("age_grade_percent", sa.Double()), if_not_exists=True
        )
        after: int | None = -(2**63)
        while after is not None:
            after = op.get_bind().execute(_COPY, {"after": after, "at_once": _AT_ONCE}).scalar()
        op.drop_index(_INDEX, "personal_bests", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            "personal_bests",
            ["distance", sa.text("age_grade_percent DESC"), "achieved_at", "id"],
            postgresql_where=sa.text(_SHOWN),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, "personal_bests", if_exists=True, postgresql_concurrently=True)
    op.drop_column("personal_bests", "age_grade_percent")
