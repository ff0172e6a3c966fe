"""What a look-up of a credential finds, and how its use is recorded."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import Executable, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from db.errors import DatabaseError
from db.models import Scope
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from db.write_positions import WRITES_FOR
from graph.context import Caller

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class CookieRenewal:
    """The `Set-Cookie` that renews a session, for one response.

    If two hold the same cookie, only one of them gets it, and the other is noticed later.
    """

    header: bytes | None

    def take(self) -> bytes | None:
        """Get the header; None if it was taken."""
        header, self.header = self.header, None
        return header


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """A caller, made ready for both states of the flag `sharing`.

    `renewal` is None while the session is young, and for tokens. `session_id` is None for tokens.
    """

    caller: Caller
    sharing_caller: Caller
    renewal: CookieRenewal | None = None
    session_id: int | None = None

    @classmethod
    def from_caller(
        cls, caller: Caller, renewal: CookieRenewal | None = None, session_id: int | None = None
    ) -> Self:
        return cls(caller, with_sharing(caller, is_on=True), renewal, session_id)


def caller_from_account(
    account: RowMapping, scopes: frozenset[Scope], **of_credential: Any
) -> Caller:
    """Make a caller of an account's row; `of_credential` are the credential's own fields."""
    viewer = Viewer(account["id"], account["athlete_id"], is_admin=Scope.ADMIN in scopes)
    return Caller(viewer, scopes, **of_credential)


def with_sharing(caller: Caller, *, is_on: bool) -> Caller:
    """Get the same caller with the flag `sharing` on or off."""
    viewer = caller.viewer
    if viewer.sharing == is_on:
        return caller
    return replace(caller, viewer=replace(viewer, sharing=is_on))


async def record_use(
    database: AsyncDatabase, statement: Executable, parameters: Mapping[str, Any]
) -> int | None:
    """Write that a credential was used.

    Returns the first value that the statement returns, without any how many rows it wrote. None
    where that fails, which must not fail the request.
    """
    was_for = WRITES_FOR.set(())  # nobody waits to see it
    try:
        async with database.write() as db:
            result = await db.execute(statement, parameters)
            written: int | None = result.scalar() if result.returns_rows else result.rowcount
            return written
    # For example, a standby that takes over is read-only at first.
    except (DatabaseError, SQLAlchemyError) as error:
        logger.warning("the use of a credential could not be noted: %s", type(error).__name__)
        return None
    finally:
        WRITES_FOR.reset(was_for)
