"""Errors that callers see.

    CallerError                      the caller can correct the request; message, `code` and `field`
    │                                are sent as they are
    ├── InvalidArgument              BAD_USER_INPUT: an invalid value, named by its field
    │   ├── InvalidId                INVALID_ID: not an id of the expected type
    │   ├── InvalidCursor            INVALID_CURSOR: not a cursor of this list in this order
    │   └── OutOfRange               OUT_OF_RANGE: a number or length outside its bounds
    ├── SeveralProblems              of an input of a mutation: a user error each
    ├── InvalidScalar                BAD_USER_INPUT: no Date, DateTime or LocalDateTime
    ├── Unauthenticated              UNAUTHENTICATED: signed out, or the token is no longer valid
    ├── UnknownOperation             OPERATION_RESOLUTION_FAILURE: `operationName` is missing or wrong
    ├── IntrospectionDisabled        INTROSPECTION_DISABLED: not allowed for this caller
    ├── OperationTimeout             TIMEOUT: the operation took too long
    ├── AnswerTooLong                ANSWER_TOO_LARGE: the answer has too many bytes
    ├── SamplesUnavailable           UNAVAILABLE: samples that are outside of the database
    ├── NotFound                     NOT_FOUND: absent or not visible, without saying which
    ├── graph.cost.model.TooExpensive       COST_LIMIT_EXCEEDED: one operation costs too much
    ├── graph.cost.budget.BudgetExhausted   RATE_LIMITED: the budget is too low now
    │   └── DatabaseTimeExhausted    DATABASE_TIME_EXHAUSTED: the time in the database is used up
    ├── graph.document.errors.TooBusy       TOO_BUSY: too many new documents wait to be parsed
    ├── web.documents.persisted_documents.DocumentError
    │   ├── NoDocument               BAD_REQUEST: no text and no id, or in an unknown form
    │   ├── PersistedQueryNotFound   PERSISTED_QUERY_NOT_FOUND: unknown id; send the text
    │   ├── PersistedQueryNotSupported
    │   │                            PERSISTED_QUERY_NOT_SUPPORTED: none are registered; send texts
    │   ├── PersistedQueryHashMismatch
    │   │                            PERSISTED_QUERY_HASH_MISMATCH: not the hash of the text
    │   └── UntrustedDocument        UNTRUSTED_DOCUMENT: not in the manifest
    └── web.limits.open_streams
        ├── TooManyConnections       TOO_MANY_CONNECTIONS: too many WebSockets and event streams
        └── TooManySubscriptions     TOO_MANY_SUBSCRIPTIONS: of a connection, or of a caller

`graph/document/errors.py` has the errors for a document's size and shape (DOCUMENT_TOO_LARGE and
others), `legacy/rest/errors.py` those of the older service's routes (LEGACY_REST_OFF). Database
errors keep their own code (`db/errors.py`). Everything else is INTERNAL: logged once with its
traceback, and masked. Only `describe` sets `extensions.code` of a graphql-core error.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from db.errors import DatabaseError
from graph.document.error_places import in_words_of_json
from runtime.error_links import ERROR_LINKS
from runtime.errors import PacegraphError

_UNFIT_VARIABLE = re.compile(r"Variable '\$\w+' has invalid value")
_UNFIT_ARGUMENT = re.compile(r"Argument '(\w+)' has invalid value(?: at ([^:]+))?: ")
"""What execution says where a variable is null, for all its default, and an argument is not."""

logger = logging.getLogger(__name__)


class CallerError(PacegraphError):
    """An error the caller can correct. `field` is the place of the value at fault, if any.

    A place is written one way everywhere: `filter.gear`, `ids[3]`, `input.files[0].name`. The
    message names it so, too.
    """

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    @property
    def extensions(self) -> dict[str, Any]:
        """The error's `extensions`."""
        return {"code": self.code, **({"field": self.field} if self.field else {})}


class InvalidArgument(CallerError):
    """An invalid value: `problem` goes on after the name of its field, and ends with the remedy."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"`{field}` {problem}", field)


class InvalidScalar(CallerError):
    """A value that its scalar cannot read, wherever it stands: graphql-core knows the place."""


class SeveralProblems(CallerError):
    """What is wrong with several fields of an input: `each` has its own place and message."""

    def __init__(self, each: Sequence[CallerError]) -> None:
        super().__init__(each[0].message, each[0].field)
        self.each = each


class InvalidId(InvalidArgument):
    """Not an id, or one of another type."""

    code = "INVALID_ID"

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(
            field, f"is not the id of {expected}. Pass an `id` that this API returned."
        )


class InvalidCursor(InvalidArgument):
    """Not a cursor, or one of another list or order."""

    code = "INVALID_CURSOR"

    def __init__(self, field: str) -> None:
        super().__init__(
            field,
            "is not a cursor of this list in this order. Pass the `endCursor` or `startCursor` of "
            "one of its pages, or omit it to start from the beginning.",
        )


class OutOfRange(InvalidArgument):
    """Outside its bounds, which are inclusive."""

    code = "OUT_OF_RANGE"

    def __init__(self, field: str, low: float, high: float, unit: str = "") -> None:
        bounds = f"must be between {_plain(low)} and {_plain(high)}"
        super().__init__(field, f"{bounds}{unit and ' ' + unit}.")


def _plain(number: float) -> str:
    """Write a number without an exponent where it is a whole one."""
    return str(int(number)) if number == int(number) else f"{number:g}"


SIGN_IN = "Sign in, or send an API token as `Authorization: Bearer …`."


class Unauthenticated(CallerError):
    """The caller is not signed in."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = SIGN_IN) -> None:
        super().__init__(message)


class NotFound(CallerError):
    """Absent or not visible."""

    code = "NOT_FOUND"


class SamplesUnavailable(CallerError):
    """Samples that `pacegraph move-samples` moved cannot be fetched; the log says why."""

    code = "UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The samples of this activity are where older ones are kept, which does not "
            "answer. Try "
            "again in a minute, or ask for fewer points."
        )


class UnknownOperation(CallerError):
    """`operationName` is missing although it is needed, or names no operation."""

    code = "OPERATION_RESOLUTION_FAILURE"

    def __init__(self, name: str | None) -> None:
        super().__init__(
            "`operationName` is missing. Name the operation to run: the document has several, or "
            "none."
            if name is None
            else "`operationName` names no operation of the document. Check its spelling.",
            "operationName",
        )


class IntrospectionDisabled(CallerError):
    """The caller may not use introspection."""

    code = "INTROSPECTION_DISABLED"

    def __init__(self, policy: str) -> None:
        reason = (
            "Sign in to use introspection."
            if policy == "signed-in"
            else "Introspection is disabled on this server."
        )
        super().__init__(f"{reason} The schema is also in `schema.graphql`.")


class OperationTimeout(CallerError):
    """An operation took longer than `seconds`; its statements were cancelled."""

    code = "TIMEOUT"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The operation was stopped after {seconds:g} s, the longest it may take. Request less."
        )


class AnswerTooLong(CallerError):
    """An answer has more than `most` bytes."""

    code = "ANSWER_TOO_LARGE"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The answer has more than {most} bytes, the most that one may have. Request "
            "fewer objects "
            "or fields at once, such as smaller pages. What a mutation changed stays changed."
        )


def describe(error: GraphQLError, request_id: str) -> None:
    """Set the code of `error` and the link of its page, in place.

    Errors not meant for callers are logged and masked.
    """
    give_code(error, request_id)
    assert error.extensions is not None
    error.extensions |= ERROR_LINKS.link(error.extensions["code"])


def give_code(error: GraphQLError, request_id: str) -> None:
    """Do the same without the link, for errors that are kept."""
    try:
        _describe(error, request_id)
    finally:
        drop_frames(error)


def drop_frames(error: BaseException | None) -> None:
    """Drop the frames that an error went through: they keep all that its request had.

    A frame may have the error itself. Then only the collector frees them, much later.
    """
    if error is None or error.__traceback__ is None:
        return
    error.__traceback__ = None
    for each in (error.__cause__, error.__context__, getattr(error, "original_error", None)):
        drop_frames(each)


def _describe(error: GraphQLError, request_id: str) -> None:
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        extensions = error.extensions or {}
        if "code" not in extensions:
            extensions = {**extensions, **_extensions_of_graphql(error)}
            error.message = in_words_of_json(error.message)
        error.extensions = extensions
    elif isinstance(original, CallerError):
        error.extensions = original.extensions
    elif isinstance(original, DatabaseError):
        logger.warning("request failed: %s", original, extra={"graphql_path": error.path})
        _mask(error, original.code, original.public_message, request_id)
    else:
        logger.error(
            "unexpected error in a resolver", exc_info=original, extra={"graphql_path": error.path}
        )
        _mask(error, "INTERNAL", "Something went wrong on the server.", request_id)


def _extensions_of_graphql(error: GraphQLError) -> dict[str, str]:
    extensions = {"code": _code_of_graphql(error)}
    if unfit := _UNFIT_ARGUMENT.match(error.message):
        extensions["field"] = unfit[1] + (unfit[2] or "")
    return extensions


def _code_of_graphql(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    # In graphql-core, only the message distinguishes an invalid value of a variable from an invalid
    # use of it.
    unfit = _UNFIT_VARIABLE.match(error.message) or _UNFIT_ARGUMENT.match(error.message)
    return "BAD_USER_INPUT" if unfit else "GRAPHQL_VALIDATION_FAILED"


def _mask(error: GraphQLError, code: str, message: str, request_id: str) -> None:
    error.message = message
    extensions: dict[str, Any] = {"code": code, "requestId": request_id}
    error.extensions = extensions
