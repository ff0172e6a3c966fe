"""`core.database.get_db_sync` of the older service, where it is not what it has become."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from db.session import get_db_sync as request_session
from db.session import sync_sessions

__all__ = ["get_db_sync"]


def get_db_sync(session: Annotated[Session | None, Depends(request_session)] = None) -> Session:
    """Give a session, which the caller closes; under FastAPI's `Depends` the request's, which is closed for it."""
    return sync_sessions() if session is None else session
