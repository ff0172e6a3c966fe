"""Ages of personal bests, beside those of their efforts; an index for leaderboards of an age group

An age group that few have is found without a look at each best. What is there is copied in parts,
each in a transaction of its own, while others read and write. Workers of versions before write bests
without the age, and change efforts' ages alone: the triggers of grades (0050) pass both on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

_INDEX = "ix_personal_bests_age"
_SHOWN = "(is_current OR is_current_for_others) AND age_on_day IS NOT NULL"
_AT_ONCE = 10_000
_COPY = sa.text("""
    WITH part AS (
        SELECT id FROM personal_bests WHERE id > :after ORDER BY id LIMIT :at_once
    ), copied AS (
        UPDATE personal_bests p SET age_on_day = e.age_on_day
        FROM part JOIN best_efforts e USING (id)
        WHERE p.id = part.id AND p.age_on_day IS DISTINCT FROM e.age_on_day
    )
    SELECT max(id) FROM part
""")
_PASSED_ON = (
    """
    CREATE OR REPLACE FUNCTION take_age_grade() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT age_grade_percent, age_on_day INTO NEW.age_grade_percent, NEW.age_on_day
        FROM best_efforts WHERE id = NEW.id;
        RETURN NEW;
    END $$
    """,
    # A best whose effort takes another time now is written anew soon, with the grade of that time.
    """
    CREATE OR REPLACE FUNCTION pass_on_age_grade() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE personal_bests SET age_on_day = NEW.age_on_day, age_grade_percent =
            CASE elapsed_s WHEN NEW.elapsed_s THEN NEW.age_grade_percent ELSE age_grade_percent END
        WHERE id = NEW.id AND (
            age_on_day IS DISTINCT FROM NEW.age_on_day
            OR elapsed_s = NEW.elapsed_s
            AND age_grade_percent IS DISTINCT FROM NEW.age_grade_percent
        );
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER take_age_grade BEFORE INSERT ON personal_bests
    FOR EACH ROW WHEN (NEW.age_grade_percent IS NULL OR NEW.age_on_day IS NULL)
    EXECUTE FUNCTION take_age_grade()
    """,
    """
    CREATE OR REPLACE TRIGGER pass_on_age_grade
    AFTER UPDATE OF age_on_day, age_grade_percent ON best_efforts
    FOR EACH ROW WHEN (
        (OLD.age_on_day, OLD.age_grade_percent)
        IS DISTINCT FROM (NEW.age_on_day, NEW.age_grade_percent)
    )
    EXECUTE FUNCTION pass_on_age_grade()
    """,
)
# As in 0050.
_FORMER = (
    """
    CREATE OR REPLACE TRIGGER take_age_grade BEFORE INSERT ON personal_bests
    FOR EACH ROW WHEN (NEW.age_grade_percent IS NULL) EXECUTE FUNCTION take_age_grade()
    """,
    """
    CREATE OR REPLACE TRIGGER pass_on_age_grade AFTER UPDATE OF age_grade_percent ON best_efforts
    FOR EACH ROW WHEN (OLD.age_grade_percent IS DISTINCT FROM NEW.age_grade_percent)
    EXECUTE FUNCTION pass_on_age_grade()
    """,
    """
    CREATE OR REPLACE FUNCTION take_age_grade() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.age_grade_percent := (SELECT age_grade_percent FROM best_efforts WHERE id = NEW.id);
        RETURN NEW;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pass_on_age_grade() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE personal_bests SET age_grade_percent = NEW.age_grade_percent
        WHERE id = NEW.id AND elapsed_s = NEW.elapsed_s
        AND age_grade_percent IS DISTINCT FROM NEW.age_grade_percent;
        RETURN NULL;
    END $$
    """,
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.add_column("personal_bests", sa.Column("age_on_day", sa.Integer()), if_not_exists=True)
        for statement in _PASSED_ON:
            op.execute(statement)
        after: int | None = -(2**63)
        while after is not None:
            after = op.get_bind().execute(_COPY, {"after": after, "at_once": _AT_ONCE}).scalar()
        op.drop_index(_INDEX, "personal_bests", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            "personal_bests",
            ["distance", "age_on_day"],
            postgresql_where=sa.text(_SHOWN),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, "personal_bests", if_exists=True, postgresql_concurrently=True)
    for statement in _FORMER:
        op.execute(statement)
    op.drop_column("personal_bests", "age_on_day")
