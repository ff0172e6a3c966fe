"""Age grades of personal bests follow those of their efforts, whoever writes them

Workers of versions before 0045 know nothing of the bests' own column. During a rolling update they
write bests without it, and change efforts' grades alone.
"""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_FUNCTIONS = (
    """
    CREATE FUNCTION take_age_grade() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.age_grade_percent := (SELECT age_grade_percent FROM best_efforts WHERE id = NEW.id);
        RETURN NEW;
    END $$
    """,
    # A best whose effort takes another time now is written anew soon, with the grade of that time.
    """
    CREATE FUNCTION pass_on_age_grade() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE personal_bests SET age_grade_percent = NEW.age_grade_percent
        WHERE id = NEW.id AND elapsed_s = NEW.elapsed_s
        AND age_grade_percent IS DISTINCT FROM NEW.age_grade_percent;
        RETURN NULL;
    END $$
    """,
)
_TRIGGERS = (
    """
    CREATE TRIGGER take_age_grade BEFORE INSERT ON personal_bests
    FOR EACH ROW WHEN (NEW.age_grade_percent IS NULL) EXECUTE FUNCTION take_age_grade()
    """,
    """
    CREATE TRIGGER pass_on_age_grade AFTER UPDATE OF age_grade_percent ON best_efforts
    FOR EACH ROW WHEN (OLD.age_grade_percent IS DISTINCT FROM NEW.age_grade_percent)
    EXECUTE FUNCTION pass_on_age_grade()
    """,
)


def upgrade() -> None:
    for statement in (*_FUNCTIONS, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for name, table in (
        ("take_age_grade", "personal_bests"),
        ("pass_on_age_grade", "best_efforts"),
    ):
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
