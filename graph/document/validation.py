"""Parses, measures and validates documents, each step in time that the limits bound.

The garbage of a document is left to the collector: `docs/decisions/0002-documents-process.md`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    Source,
    SourceLocation,
    ValidationContext,
    VariableDefinitionNode,
    specified_rules,
    validate,
)
from graphql.language import Lexer
from graphql.language.parser import Parser
from graphql.validation import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from graph.document.error_places import in_words_of_json, places_of
from graph.document.errors import (
    TOO_COMPLEX,
    copied,
    nested_too_deep,
    too_entangled,
    too_many_tokens,
)
from graph.document.limits import DocumentLimits
from graph.document.measure import DocumentMeasure, limit_errors
from graph.document.variables import MAX_ERRORS, cut
from graph.errors import InvalidScalar, give_code

_STRAWBERRY_RULES = (MaybeNullValidationRule,)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The result for one text. `ast` is None if it was not validated.

    `schema_operations` are the names of the operations that select `__schema` or `__type`. `nodes`
    is how many nodes `ast` has, 0 without one.
    """

    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    tokens: int
    schema_operations: frozenset[str | None] = field(default=frozenset())
    nodes: int = 0


class DocumentValidator:
    """Validates documents of one schema. It has no state."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema, self._limits = schema, limits
        merging = _bounded_merging(limits.max_comparisons)
        self._rules = [
            merging if rule is OverlappingFieldsCanBeMergedRule else rule
            for rule in specified_rules
        ]
        self._rules += _STRAWBERRY_RULES

    def read(self, text: str) -> ValidationResult:
        """Parse, measure and validate a text. It may be invalid."""
        limits = self._limits
        lexer = Lexer(Source(text))
        parser = Parser(
            lexer.source,
            lexer=lexer,
            max_lexical_tokens=limits.max_tokens,
            max_comments=limits.max_tokens,
        )
        try:
            ast = parser.parse_document()
        except GraphQLError as error:
            return ValidationResult(None, (self._unreadable(error),), self._charged(text, parser))
        except RecursionError:
            at = SourceLocation(lexer.token.line, lexer.token.column)
            return ValidationResult(
                None, (copied(nested_too_deep(limits.max_depth, at)),), self._charged(text, parser)
            )
        tokens = self._charged(text, parser)
        measure = DocumentMeasure(ast)
        if errors := limit_errors(measure, limits):
            return ValidationResult(None, tuple(map(copied, errors)), tokens)
        errors = self._validate(ast)
        places = places_of(self._schema, ast, errors)
        found = tuple(map(_described, errors, places))
        asks = (
            node.name.value if node.name else None
            for node, measures in measure.operations()
            if measures.asks_about_schema
        )
        if any(error.extensions and error.extensions["code"] == TOO_COMPLEX for error in found):
            return ValidationResult(None, found, tokens)
        return ValidationResult(ast, found, tokens, frozenset(asks), _forget_tokens(ast))

    def _charged(self, text: str, parser: Parser) -> int:
        return max(self._limits.tokens_of(text), parser.token_count)

    def _unreadable(self, error: GraphQLError) -> GraphQLError:
        # the message alone tells what stopped the parser; no other one begins like this
        if error.message.startswith("Syntax Error: Document contains more than"):
            return copied(too_many_tokens(self._limits.max_tokens, error))
        return _described(error)

    def _validate(self, ast: DocumentNode) -> list[GraphQLError]:
        errors = validate(
            self._schema,
            ast,
            self._rules,
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._limits.suggests_names,
        )
        if (
            errors
            and isinstance(errors[-1], ValidationAbortedError)
            and not errors[-1].message.startswith("Too many")
        ):
            errors[-1] = too_entangled()  # else it is for the number of errors
        return errors


def _bounded_merging(max_comparisons: int) -> type[ASTValidationRule]:
    """Make the rule with quadratic work stop before graphql-core's half a million comparisons.

    Those take 0.4 s.
    """

    class BoundedMerging(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = max_comparisons

    return BoundedMerging


def _described(error: GraphQLError, place: Mapping[str, str] | None = None) -> GraphQLError:
    """Give an error its code and the `place` that it is about, and shorten its message."""
    # Python parses no number of more than 4,300 digits
    if isinstance(error.original_error, ValueError):
        error = GraphQLError(
            "A number has too many digits. Send one that fits its type.", error.nodes
        )
    give_code(error, "")
    assert error.extensions is not None
    error.extensions |= {name: cut(each) for name, each in (place or {}).items()}
    described = copied(error)
    original = error.original_error
    message = original.message if isinstance(original, InvalidScalar) else error.message
    described.message = cut(in_words_of_json(message))
    return described


def _forget_tokens(ast: DocumentNode) -> int:
    """Drop the tokens, and the locations of all but fields and variables. Returns how many nodes.

    A kept document is 40 % smaller then. Errors of execution are located at fields and variables.
    Nodes are frozen except for their `__dict__`.
    """
    count = 0
    for node in _nodes(ast):
        count += 1
        if isinstance(node, FieldNode | VariableDefinitionNode):
            assert node.loc is not None
            del node.loc.start_token, node.loc.end_token
        else:
            vars(node)["loc"] = None
    return count


def _nodes(ast: DocumentNode) -> Iterator[Node]:
    pending: list[Node] = [ast]
    while pending:
        node = pending.pop()
        pending += _members(node)
        yield node


def _members(node: Node) -> Iterator[Node]:
    for member in vars(node).values():
        if isinstance(member, Node):
            yield member
        elif isinstance(member, tuple):
            yield from member
