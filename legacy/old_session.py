"""`core.database.get_db_sync` of the older service: a function and a dependency in one."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from db.session import get_db_sync as request_session
from db.session import sync_sessions


def get_db_sync(session: Annotated[Session | None, Depends(request_session)] = None) -> Session:
    """Open a session, which the caller closes; under FastAPI's `Depends`, get the request's."""
    return sync_sessions() if session is None else session
