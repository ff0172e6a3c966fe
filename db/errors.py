"""Errors that pacegraph raises on purpose.

    PacegraphError                  the root; `str()` is fit for a log
    ├── db.errors.DatabaseBusy      no connection came free within DATABASE_POOL_TIMEOUT_S
    ├── db.errors.DatabaseUnavailable   PostgreSQL cannot be reached
    └── strava.errors.StravaError   all that can go wrong with Strava (tree in its module)

Foreign errors become one of these once, at the edge where they enter: the drivers' in `db/session.py`, HTTP's in
`strava/client.py`.
"""


class PacegraphError(Exception):
    """Base of every error that pacegraph raises on purpose."""


class DatabaseBusy(PacegraphError):  # noqa: N818 - the name says what is the case
    """No pooled connection came free in time."""

    def __init__(self, waited_s: float) -> None:
        super().__init__(
            f"no database connection came free within {waited_s:g} s; raise DATABASE_POOL_SIZE or lower the load"
        )
        self.waited_s = waited_s


class DatabaseUnavailable(PacegraphError):  # noqa: N818
    """PostgreSQL refused or lost the connection."""
