"""Indexes for ranked lists in which the earlier achieved of equal times stands first

They are built while others read and write, and the old ones serve lists until then. One that was
interrupted is left invalid, so each is dropped before it is built.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_RANKING: dict[str, Any] = {
    "table_name": "best_efforts",
    "postgresql_include": ["counts", "counts_for_others", "implied"],
}
_LEADERBOARD: dict[str, Any] = {
    "table_name": "personal_bests",
    "postgresql_where": sa.text("is_current OR is_current_for_others"),
}
_OLD = {
    "ix_best_efforts_ranking": _RANKING
    | {"columns": ["athlete_id", "distance", "elapsed_s", "id"]},
    "ix_personal_bests_leaderboard": _LEADERBOARD | {"columns": ["distance", "elapsed_s", "id"]},
}
_NEW = {
    "ix_best_efforts_fastest": _RANKING
    | {"columns": ["athlete_id", "distance", "elapsed_s", "achieved_at", "id"]},
    "ix_personal_bests_fastest": _LEADERBOARD
    | {"columns": ["distance", "elapsed_s", "achieved_at", "id"]},
}


def _replace(old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> None:
    with op.get_context().autocommit_block():
        for name, index in new.items():
            op.drop_index(name, index["table_name"], if_exists=True, postgresql_concurrently=True)
            op.create_index(name, **index, postgresql_concurrently=True)
        for name, index in old.items():
            op.drop_index(name, index["table_name"], if_exists=True, postgresql_concurrently=True)


def upgrade() -> None:
    _replace(_OLD, _NEW)


def downgrade() -> None:
    _replace(_NEW, _OLD)
