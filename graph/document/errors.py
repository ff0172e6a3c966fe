"""Errors of documents that are refused before they run.

Each says what was found, the limit and what to do.

DOCUMENT_TOO_LARGE      characters or tokens
DOCUMENT_TOO_DEEP       levels of fields
DOCUMENT_TOO_COMPLEX    validation would take too long
TOO_MANY_ALIASES        in one operation; those of a fragment count at each spread, one of each field not
TOO_MANY_ROOT_FIELDS    in one operation
TOO_MANY_DIRECTIVES     in the document
TOO_BUSY                too many new documents wait to be parsed
"""

from typing import Any

from graphql import GraphQLError, Node, SourceLocation

from graph.errors import CallerError

TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
MAX_COUNT = 1_000_000
"""Counting stops here, because fragments multiply."""
_MAX_LOCATIONS = 10


class TooBusy(CallerError):
    """Too many new documents wait to be parsed."""

    code = "TOO_BUSY"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__(
            "The server is busy parsing other new documents. Try again in a second. Documents it "
            "already knows are not affected."
        )


class NotRead(TooBusy):
    """Parsing the document started, but did not finish.

    The caller pays, because the document may be the cause.
    """


def too_deep(found: int, limit: int, at: Node | None, where: str = "deep") -> GraphQLError:
    """Refuse an operation that selects `found` levels of fields."""
    return _refusal(
        "DOCUMENT_TOO_DEEP",
        f"The operation selects fields {_count(found)} levels {where}. The maximum is {limit}. "
        "Move the deepest fields to a separate operation that uses `node(id:)`.",
        found,
        limit,
        at,
    )


def too_many_aliases(found: int, limit: int, at: Node) -> GraphQLError:
    """Refuse an operation for its aliases."""
    return _refusal(
        "TOO_MANY_ALIASES",
        f"The operation has {_count(found)} aliases. The maximum is {limit}; one alias of each "
        "field is not counted, and those in a fragment count each time it is spread. Use one field "
        "for several objects, such as `nodes(ids:)`, or several operations.",
        found,
        limit,
        at,
    )


def too_many_root_fields(found: int, limit: int, at: Node) -> GraphQLError:
    """Refuse an operation for its root fields."""
    return _refusal(
        "TOO_MANY_ROOT_FIELDS",
        f"The operation has {_count(found)} root fields. The maximum is {limit}. Use several "
        "operations, or `nodes(ids:)` for many ids.",
        found,
        limit,
        at,
    )


def too_many_directives(found: int, limit: int, at: Node) -> GraphQLError:
    """Refuse a document for its directives; `at` is the first one over the limit."""
    return _refusal(
        "TOO_MANY_DIRECTIVES",
        f"The document has {found} directives. The maximum is {limit}. Put one @include or @skip "
        "on a fragment instead of one on each field.",
        found,
        limit,
        at,
    )


def too_many_characters(found: int, limit: int) -> GraphQLError:
    """Refuse a text for its length, without parsing it."""
    return _refusal(
        "DOCUMENT_TOO_LARGE",
        f"The document has {found} characters. The maximum is {limit}. Pass values as variables, "
        "or split it into several operations.",
        found,
        limit,
    )


def too_many_tokens(limit: int, error: GraphQLError) -> GraphQLError:
    """Refuse a document for its tokens; `error` is the parser's, with the location."""
    refusal = _refusal(
        "DOCUMENT_TOO_LARGE",
        f"The document has more than {limit} tokens (names, values, punctuation and comments). "
        "Pass values as variables, or split it into several operations.",
        None,
        limit,
    )
    refusal.locations = error.locations
    return refusal


def nested_too_deep(limit: int, at: SourceLocation) -> GraphQLError:
    """Refuse a document that nests deeper than the parser supports."""
    refusal = _refusal(
        "DOCUMENT_TOO_DEEP",
        "The document nests selections, values or types too deeply to be parsed. The maximum "
        f"depth of fields is {limit}. Move the deepest fields to a separate operation.",
        None,
        limit,
    )
    refusal.locations = [at]
    return refusal


def too_entangled() -> GraphQLError:
    """Refuse a document because its validation would take too long."""
    return _refusal(
        TOO_COMPLEX,
        "Validating the document would take too long: it selects the same fields too often, or "
        "its fragments spread each other too often. Select each field once per selection set, "
        "and spread fewer fragments.",
        None,
        None,
    )


def _refusal(
    code: str, message: str, found: int | None, limit: int | None, at: Node | None = None
) -> GraphQLError:
    numbers = {"found": found, "limit": limit}
    extensions = {
        "code": code,
        **{name: value for name, value in numbers.items() if value is not None},
    }
    return GraphQLError(message, at, extensions=extensions)


def _count(found: int) -> str:
    return f"more than {MAX_COUNT}" if found >= MAX_COUNT else str(found)


class DetachedError(GraphQLError):
    """An error without references to its document: it can be cached and sent between processes."""

    def __reduce__(self) -> Any:
        return _remade, (self.message, self.locations, self.extensions)


def copied(error: GraphQLError) -> DetachedError:
    """Copy an error without its references to the document, so that the document can be freed."""
    locations = error.locations[:_MAX_LOCATIONS] if error.locations else None
    return _remade(error.message, locations, dict(error.extensions or {}))


def _remade(
    message: str, locations: list[SourceLocation] | None, extensions: dict[str, Any]
) -> DetachedError:
    made = DetachedError(message, extensions=extensions)
    made.locations = locations
    return made
