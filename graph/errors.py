"""What callers see when something is wrong.

    CallerError                 the caller can mend it; message, `code` and `field` go out as they are
    ├── InvalidId               INVALID_ID: not an id of the type asked for
    ├── InvalidCursor           INVALID_CURSOR: not a cursor of this list in this order
    ├── OutOfRange              OUT_OF_RANGE: a number or a length beyond its bounds
    ├── InvalidArgument         BAD_USER_INPUT: anything else about a value
    ├── graph.cost.TooExpensive       COST_LIMIT_EXCEEDED: one operation asks for too much
    ├── graph.budget.BudgetExhausted  RATE_LIMITED: the budget does not cover it now
    ├── Unauthenticated         UNAUTHENTICATED: signed out, or the token is no longer good
    ├── UnknownOperation        OPERATION_RESOLUTION_FAILURE: the document has no such operation, or several
    ├── IntrospectionDisabled   INTROSPECTION_DISABLED: not for this caller to ask about the schema
    ├── web.persisted_documents.DocumentError
    │   ├── NoDocument                  BAD_REQUEST: neither a text nor an id, or in no known form
    │   ├── PersistedQueryNotFound      PERSISTED_QUERY_NOT_FOUND: no text of this id is kept; send the text
    │   ├── PersistedQueryNotSupported  PERSISTED_QUERY_NOT_SUPPORTED: none are registered here; send texts
    │   ├── PersistedQueryHashMismatch  PERSISTED_QUERY_HASH_MISMATCH: text and hash do not belong together
    │   └── UntrustedDocument           UNTRUSTED_DOCUMENT: not in the manifest, and nothing else runs
    ├── web.connections
    │   ├── TooManyConnections          TOO_MANY_CONNECTIONS: more WebSockets and event streams than a caller may have
    │   └── TooManySubscriptions        TOO_MANY_SUBSCRIPTIONS: of a connection, or of a caller
    ├── graph.document_errors.TooBusy TOO_BUSY: too many unknown documents wait to be read
    ├── OperationTimeout        TIMEOUT: took longer than an operation may
    └── NotFound                NOT_FOUND: absent, or not visible: the two are not told apart

What is wrong with a document's size and shape is in `graph/document_errors.py` (DOCUMENT_TOO_LARGE and others).
Those of the older service's routes, LEGACY_REST_OFF among them, are in `legacy/rest/errors.py`.
Database errors keep their own code (`db/errors.py`). Everything else is INTERNAL: logged once with its traceback,
and masked. `describe` is the one place where an error of graphql-core gets its `extensions.code`.
"""

import logging
import re
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from db.errors import DatabaseError, PacegraphError

_UNFIT_VARIABLE = re.compile(r"Variable '\$\w+' has invalid value")

logger = logging.getLogger(__name__)


class CallerError(PacegraphError):
    """Something the caller can mend. `field` names the argument or input field, None where there is none."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    @property
    def extensions(self) -> dict[str, Any]:
        """What goes out besides the message."""
        return {"code": self.code, **({"field": self.field} if self.field else {})}


class InvalidArgument(CallerError):  # noqa: N818 - the name says what is the case; so below
    """A value that cannot be used."""


class InvalidId(CallerError):  # noqa: N818
    """Not an id, or of another type."""

    code = "INVALID_ID"

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"`{field}` is not the id of {expected}. Pass an `id` that this API returned.", field)


class InvalidCursor(CallerError):  # noqa: N818
    """Not a cursor, or of a list in another order."""

    code = "INVALID_CURSOR"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"`{field}` is not a cursor of this list in this order. Pass an `endCursor` or `startCursor` of it, "
            "or leave it out to begin at the start.",
            field,
        )


class OutOfRange(CallerError):  # noqa: N818
    """Beyond its bounds, which are inclusive."""

    code = "OUT_OF_RANGE"

    def __init__(self, field: str, low: float, high: float, unit: str = "") -> None:
        super().__init__(f"`{field}` must be between {low:g} and {high:g}{unit and ' ' + unit}.", field)


class Unauthenticated(CallerError):  # noqa: N818
    """Nobody is signed in."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("Sign in, or send an API token as `Authorization: Bearer …`.")


class NotFound(CallerError):  # noqa: N818
    """Absent or not visible."""

    code = "NOT_FOUND"


class UnknownOperation(CallerError):  # noqa: N818
    """The document has several operations and the request names none, or names one that it has not."""

    code = "OPERATION_RESOLUTION_FAILURE"

    def __init__(self, name: str | None) -> None:
        super().__init__(
            "Name the operation to run (`operationName`): the document has several, or none."
            if name is None
            else "The document has no operation of the name that `operationName` gives.",
            "operationName",
        )


class IntrospectionDisabled(CallerError):  # noqa: N818
    """Asking about the schema is not for this caller."""

    code = "INTROSPECTION_DISABLED"

    def __init__(self, policy: str) -> None:
        whom = "Sign in to ask about the schema" if policy == "signed-in" else "This server does not tell its schema"
        super().__init__(f"{whom}; it is in `schema.graphql`, too.")


class OperationTimeout(CallerError):  # noqa: N818
    """An operation took longer than `seconds`; its statements were cancelled."""

    code = "TIMEOUT"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The operation took longer than {seconds:g} s and was ended. Ask for less at once.")


def describe(error: GraphQLError, request_id: str) -> None:
    """Give `error` its code, in place; log and mask it if it is not meant for callers."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        code = (error.extensions or {}).get("code") or _code_of_graphql(error)
        error.extensions = {**(error.extensions or {}), "code": code}
    elif isinstance(original, CallerError):
        error.extensions = original.extensions
    elif isinstance(original, DatabaseError):
        logger.warning("request failed: %s", original, extra={"graphql_path": error.path})
        _mask(error, original.code, original.public_message, request_id)
    else:
        logger.error("unexpected error in a resolver", exc_info=original, extra={"graphql_path": error.path})
        _mask(error, "INTERNAL", "Something went wrong on the server.", request_id)


def _code_of_graphql(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    # graphql-core tells a variable whose value does not fit from one that is wrongly used by the message alone.
    return "BAD_USER_INPUT" if _UNFIT_VARIABLE.match(error.message) else "GRAPHQL_VALIDATION_FAILED"


def _mask(error: GraphQLError, code: str, message: str, request_id: str) -> None:
    error.message = message
    extensions: dict[str, Any] = {"code": code, "requestId": request_id}
    error.extensions = extensions
