"""Reading of documents: parsed, their shape checked, validated; each step in time that the limits bound."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    Source,
    SourceLocation,
    Token,
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
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.document_errors import TOO_COMPLEX, copied, nested_too_deep, too_entangled, too_many_tokens
from graph.errors import describe
from graph.shape import DocumentLimits, Shape, shape_errors
from graph.variables import MAX_ERRORS, cut

_STRAWBERRY_RULES = (MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class Read:
    """A text that was read. `ast` is None where it was not validated.

    `schema_operations` are the names of the operations that ask about the schema.
    """

    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    tokens: int
    schema_operations: frozenset[str | None] = field(default=frozenset())


class Reader:
    """Reads documents of one schema; without state, so that any thread may."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema, self._limits = schema, limits
        merging = _bounded_merging(limits.max_comparisons)
        self._rules = [merging if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
        self._rules += _STRAWBERRY_RULES

    def read(self, text: str) -> Read:
        """Read a text, sound or not."""
        limits = self._limits
        lexer = Lexer(Source(text))
        parser = Parser(lexer.source, lexer=lexer, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
        try:
            ast = parser.parse_document()
        except GraphQLError as error:
            return Read(None, (self._unreadable(error),), self._charged(text, parser))
        except RecursionError:
            at = SourceLocation(lexer.token.line, lexer.token.column)
            return Read(None, (copied(nested_too_deep(limits.max_depth, at)),), self._charged(text, parser))
        finally:
            _unlink(lexer)
        tokens = self._charged(text, parser)
        shape = Shape(ast)
        if errors := shape_errors(shape, limits):
            return Read(None, tuple(map(copied, errors)), tokens)
        found = tuple(map(_described, self._validate(ast)))
        asks = (
            node.name.value if node.name else None for node, extent in shape.operations() if extent.asks_about_schema
        )
        if any(error.extensions and error.extensions["code"] == TOO_COMPLEX for error in found):
            _take_apart(ast)
            return Read(None, found, tokens)
        _forget_tokens(ast)
        return Read(ast, found, tokens, frozenset(asks))

    def _charged(self, text: str, parser: Parser) -> int:
        return max(self._limits.tokens_of(text), parser.token_count)

    def _unreadable(self, error: GraphQLError) -> GraphQLError:
        # graphql-core tells what stopped the parser by the message alone; no other error of it begins like this.
        if error.message.startswith("Syntax Error: Document contains more than"):
            return copied(too_many_tokens(self._limits.max_tokens, error))
        return _described(error)

    def _validate(self, ast: DocumentNode) -> list[GraphQLError]:
        made: list[ASTValidationRule] = []

        def remembered(rule: type[ASTValidationRule]) -> Any:
            def make(context: ValidationContext) -> ASTValidationRule:
                made.append(rule(context))
                return made[-1]

            return make

        errors = validate(
            self._schema,
            ast,
            [remembered(rule) for rule in self._rules],
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._limits.suggests_names,
        )
        _dismantle(made)
        if errors and isinstance(errors[-1], ValidationAbortedError) and not errors[-1].message.startswith("Too many"):
            errors[-1] = too_entangled()  # else it is for the number of errors
        return errors


def _bounded_merging(max_comparisons: int) -> type[ASTValidationRule]:
    """Make the rule whose work is quadratic stop at fewer comparisons than graphql-core's half a million (0.4 s)."""

    class BoundedMerging(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = max_comparisons

    return BoundedMerging


def _dismantle(rules: list[ASTValidationRule]) -> None:
    """Break the circles in rules that are done with: each holds its own methods, and what was compared each other.

    Only the garbage collector would free them, with all of the document, and it stops all threads for as long as it
    takes: 0.2 s now and then while many documents are read.
    """
    for rule in rules:
        if isinstance(rule, OverlappingFieldsCanBeMergedRule):
            for by_selection in rule.rule_context.cached_collect_fields_results.values():
                for result in by_selection.values():
                    result.overlapping_fields = None
                    _forget_comparisons(result.grouped_field_set)
        vars(rule).clear()


def _forget_comparisons(fields: dict[str, list[Any]]) -> None:
    for each in chain.from_iterable(fields.values()):
        if each.info is not None:
            each.info.comparisons.clear()


def _described(error: GraphQLError) -> GraphQLError:
    """Give an error its code, short enough to be sent."""
    if isinstance(error.original_error, ValueError):  # Python reads no number of more than 4,300 digits
        error = GraphQLError("A number has too many digits. Send one that fits its type.", error.nodes)
    describe(error, "")
    described = copied(error)
    described.message = cut(error.message)
    return described


def _unlink(lexer: Lexer) -> None:
    """Break the chain of tokens, each of which knows its neighbours; for the same reason as with rules."""
    token: Token | None = lexer.token
    while token is not None:
        token.next, token.prev, token = None, None, token.prev


def _forget_tokens(ast: DocumentNode) -> None:
    """Forget the tokens, and where what is no field or variable stands: a kept document is 40 % smaller without.

    Nodes are frozen, but for their `__dict__`. What goes wrong in execution goes wrong at a field or a variable.
    """
    for node in _nodes(ast):
        if isinstance(node, FieldNode | VariableDefinitionNode):
            assert node.loc is not None
            del node.loc.start_token, node.loc.end_token
        else:
            vars(node)["loc"] = None


def _take_apart(ast: DocumentNode) -> None:
    """Free a document whose validation was broken off: the visitors of graphql-core hold it, and each other."""
    for node in _nodes(ast):
        vars(node).clear()


def _nodes(ast: DocumentNode) -> Iterator[Node]:
    pending: list[Node] = [ast]
    while pending:
        node = pending.pop()
        for member in vars(node).values():
            if isinstance(member, Node):
                pending.append(member)
            elif isinstance(member, tuple):
                pending.extend(member)
        yield node
