"""An athlete's version of data rises once a transaction, not with each of its statements

A transaction that derives an activity changes many rows of many tables. Others see its changes at
once, so they need to see one new version.
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_RAISE = """
    CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {raising}
        RETURN NULL;
    END $$
"""
_OF_ROWS = "id IN (SELECT athlete_id FROM changed)"
_OF_STREAMS = (
    "id IN (SELECT athlete_id FROM activities WHERE id IN (SELECT activity_id FROM changed))"
)
_ALWAYS = "UPDATE athletes SET data_version = data_version WHERE {of};"
# A row that this transaction has written has a new version already. What a savepoint wrote has
# another number, and is raised again: a rollback to the savepoint takes back its own only. Nothing
# is updated in vain, because each update counts in `data_changes`.
_ONCE = """IF EXISTS (
            SELECT FROM athletes WHERE {of} AND xmin <> pg_current_xact_id()::xid
        ) THEN
            UPDATE athletes SET data_version = data_version WHERE {of};
        END IF;"""
_FUNCTIONS = {"note_changed_rows": _OF_ROWS, "note_changed_streams": _OF_STREAMS}


def upgrade() -> None:
    _replace(_ONCE)


def downgrade() -> None:
    _replace(_ALWAYS)


def _replace(raising: str) -> None:
    for name, of in _FUNCTIONS.items():
        op.execute(_RAISE.format(name=name, raising=raising.format(of=of)))
