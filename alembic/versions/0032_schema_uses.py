"""Which members of the schema clients use"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_IDENTITY = ("coordinate", "client_name", "client_version", "day")


def upgrade() -> None:
    op.create_table(
        "schema_uses",
        sa.Column("coordinate", sa.Text, nullable=False),
        sa.Column("client_name", sa.Text, nullable=False),
        sa.Column("client_version", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("operations", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(*_IDENTITY, name="pk_schema_uses"),
    )
    op.create_index("ix_schema_uses_day", "schema_uses", ["day"])


def downgrade() -> None:
    op.drop_table("schema_uses")
