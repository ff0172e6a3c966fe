"""Reading of documents: parsed, their shape checked, validated; each step in time that the limits bound."""

from dataclasses import dataclass, field

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    ValidationContext,
    VariableDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.document_errors import copied, nested_too_deep, too_entangled, too_many_tokens
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
        limits, by_length = self._limits, self._limits.tokens_of(text)
        try:
            ast = parse(text, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
        except GraphQLError as error:
            position = next(iter(error.positions or ()), len(text))
            return Read(None, (self._unreadable(error),), max(by_length, min(position // 2, limits.max_tokens)))
        tokens: int = max(by_length, ast.token_count)
        shape = Shape(ast)
        if errors := shape_errors(shape, limits):
            return Read(None, tuple(map(copied, errors)), tokens)
        found = tuple(map(_described, self._validate(ast)))
        asks = (
            node.name.value if node.name else None for node, extent in shape.operations() if extent.asks_about_schema
        )
        _forget_tokens(ast)
        return Read(ast, found, tokens, frozenset(asks))

    def _unreadable(self, error: GraphQLError) -> GraphQLError:
        # graphql-core tells what stopped the parser by the message alone; no other error of it begins like this.
        if error.message.startswith("Syntax Error: Document is nested too deeply"):
            return nested_too_deep(self._limits.max_depth, error)
        if error.message.startswith("Syntax Error: Document contains more than"):
            return too_many_tokens(self._limits.max_tokens, error)
        return _described(error)

    def _validate(self, ast: DocumentNode) -> list[GraphQLError]:
        errors = validate(
            self._schema,
            ast,
            self._rules,
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._limits.suggests_names,
        )
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


def _described(error: GraphQLError) -> GraphQLError:
    """Give an error its code, short enough to be sent."""
    describe(error, "")
    described = copied(error)
    described.message = cut(error.message)
    return described


def _forget_tokens(ast: DocumentNode) -> None:
    """Forget the tokens, and where what is no field or variable stands: a kept document is 40 % smaller without.

    Nodes are frozen, but for their `__dict__`. What goes wrong in execution goes wrong at a field or a variable.
    """
    pending: list[Node] = [ast]
    while pending:
        members = vars(node := pending.pop())
        if isinstance(node, FieldNode | VariableDefinitionNode):
            assert node.loc is not None
            del node.loc.start_token, node.loc.end_token
        else:
            members["loc"] = None
        for member in members.values():
            if isinstance(member, Node):
                pending.append(member)
            elif isinstance(member, tuple):
                pending.extend(member)
