"""Errors of documents that are refused before they run: each names what was found, the limit and the remedy.

DOCUMENT_TOO_LARGE      characters or tokens
DOCUMENT_TOO_DEEP       levels of fields
DOCUMENT_TOO_COMPLEX    checking it would take too long
TOO_MANY_ALIASES        of one operation, those of fragments at each spread
TOO_MANY_ROOT_FIELDS    of one operation
TOO_MANY_DIRECTIVES     of the document
TOO_BUSY                too many unknown documents wait to be read
"""

from typing import Any

from graphql import GraphQLError, Node, SourceLocation

from graph.errors import CallerError

TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
MAX_COUNT = 1_000_000
"""What is more is not counted: fragments multiply."""
_MAX_LOCATIONS = 10


class TooBusy(CallerError):  # noqa: N818 - the name says what is the case
    """As many unknown documents wait to be read as may."""

    code = "TOO_BUSY"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__(
            "Too many documents that this server does not know yet wait to be read. Try again in a second; documents "
            "that were read before are not affected."
        )


class NotRead(TooBusy):
    """Reading the document was begun, and did not end. It is paid for: it may be the document's doing."""


def too_deep(found: int, limit: int, at: Node | None, where: str = "deep") -> GraphQLError:
    """Refuse an operation that selects `found` levels of fields."""
    return _refusal(
        "DOCUMENT_TOO_DEEP",
        f"The operation selects fields {_count(found)} levels {where}, and may {limit}: each level multiplies the work "
        "below it. Ask for what is nested deepest in an operation of its own, by `node(id:)`.",
        found,
        limit,
        at,
    )


def too_many_aliases(found: int, limit: int, at: Node) -> GraphQLError:
    """Refuse an operation for its aliases."""
    return _refusal(
        "TOO_MANY_ALIASES",
        f"The operation has {_count(found)} aliases, and may have {limit}, those of fragments counted at each spread: "
        "they ask for the same again and again. Ask for several by one field, as `nodes(ids:)`, or in several "
        "operations.",
        found,
        limit,
        at,
    )


def too_many_root_fields(found: int, limit: int, at: Node) -> GraphQLError:
    """Refuse an operation for the fields of its root."""
    return _refusal(
        "TOO_MANY_ROOT_FIELDS",
        f"The operation has {_count(found)} root fields, and may have {limit}: each is a question of its own. "
        "Ask them in several operations, or for many ids by `nodes(ids:)`.",
        found,
        limit,
        at,
    )


def too_many_directives(found: int, limit: int, at: Node) -> GraphQLError:
    """Refuse a document for its directives; `at` is the first beyond the limit."""
    return _refusal(
        "TOO_MANY_DIRECTIVES",
        f"The document has {found} directives, and may have {limit}: each is checked against each other one of its "
        "place. Put one @include or @skip on a fragment instead of on each field.",
        found,
        limit,
        at,
    )


def too_many_characters(found: int, limit: int) -> GraphQLError:
    """Refuse a text for its length: nothing of it is read."""
    return _refusal(
        "DOCUMENT_TOO_LARGE",
        f"The document has {found} characters, and may have {limit}. Pass values as variables, and split it into "
        "several operations.",
        found,
        limit,
    )


def too_many_tokens(limit: int, error: GraphQLError) -> GraphQLError:
    """Refuse a document for its tokens; `error` is the parser's, which stopped there."""
    refusal = _refusal(
        "DOCUMENT_TOO_LARGE",
        f"The document has more than {limit} tokens (names, values and punctuation; or comments). Pass values as "
        "variables, and split it into several operations.",
        None,
        limit,
    )
    refusal.locations = error.locations
    return refusal


def nested_too_deep(limit: int, at: SourceLocation) -> GraphQLError:
    """Refuse a document that nests deeper than the parser follows."""
    refusal = _refusal(
        "DOCUMENT_TOO_DEEP",
        f"The document nests selections, values or types too deeply to be read; an operation may select fields {limit} "
        "levels deep. Ask for what is nested deepest in an operation of its own.",
        None,
        limit,
    )
    refusal.locations = [at]
    return refusal


def too_entangled() -> GraphQLError:
    """Refuse a document whose validation would take too long."""
    return _refusal(
        TOO_COMPLEX,
        "The document selects the same fields so often, or its fragments spread each other so often, that checking it "
        "would take too long. Select each field once in its place, and share fewer fragments.",
        None,
        None,
    )


def _refusal(code: str, message: str, found: int | None, limit: int | None, at: Node | None = None) -> GraphQLError:
    numbers = {"found": found, "limit": limit}
    extensions = {"code": code, **{name: value for name, value in numbers.items() if value is not None}}
    return GraphQLError(message, at, extensions=extensions)


def _count(found: int) -> str:
    return f"more than {MAX_COUNT}" if found >= MAX_COUNT else str(found)


class DocumentError(GraphQLError):
    """An error of a document that holds nothing of the document: it may be kept, and sent between processes."""

    def __reduce__(self) -> Any:
        return _remade, (self.message, self.locations, self.extensions)


def copied(error: GraphQLError) -> DocumentError:
    """Copy an error without what it holds of the document, which is kept no longer for it."""
    locations = error.locations[:_MAX_LOCATIONS] if error.locations else None
    return _remade(error.message, locations, dict(error.extensions or {}))


def _remade(message: str, locations: list[SourceLocation] | None, extensions: dict[str, Any]) -> DocumentError:
    made = DocumentError(message, extensions=extensions)
    made.locations = locations
    return made
