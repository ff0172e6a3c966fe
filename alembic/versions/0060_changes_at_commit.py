"""Changes of athletes have the time of their commit

Clients ask for what changed since a time. A transaction that goes on for minutes after it has noted
a change would show it with a time that lies before theirs.
"""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

# Most commits follow at once, and need no second version of the row. Rows of a backup keep their time.
_FUNCTION = """
    CREATE FUNCTION date_change_by_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.changed_at BETWEEN now() AND clock_timestamp() - interval '1 second' THEN
            UPDATE athlete_changes SET changed_at = clock_timestamp() WHERE id = NEW.id;
        END IF;
        RETURN NULL;
    END $$
"""


def upgrade() -> None:
    op.execute(_FUNCTION)
    op.execute(
        "CREATE CONSTRAINT TRIGGER date_by_commit AFTER INSERT ON athlete_changes "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION date_change_by_commit()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER date_by_commit ON athlete_changes")
    op.execute("DROP FUNCTION date_change_by_commit()")
