"""Builds the schema from its three root types."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any
from weakref import WeakMethod

import strawberry
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationType,
    Undefined,
)
from graphql.execution import Executor
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema_directive import StrawberrySchemaDirective
from strawberry.types import ExecutionContext
from strawberry.types.base import StrawberryObjectDefinition

from graph.context import Context
from graph.cost.directives import list_size_of, weight_of
from graph.cost.model import CostModel
from graph.document.operation import Document, Operation
from graph.errors import CallerError, UnknownOperation, describe
from graph.scalars import SCALARS
from graph.schema.long_lists import LongLists
from graph.schema.mutation import Mutation
from graph.schema.query import Query
from graph.schema.subscription import Subscription
from graph.types.api_token import ApiToken
from graph.types.best_effort import BestEffort
from graph.types.personal_best import PersonalBest

_DESCRIPTION = (
    "Activities, personal bests and age grades of runners, kept in step with Strava.\n"
    "Distances are in meters, durations in seconds; names tell the unit. Each `id` is global and "
    "opaque, and `node` fetches its object again.\n"
    "Lists are Relay connections. Expected failures of mutations are in `userErrors`; other errors "
    "have a stable `extensions.code`.\n"
    "An operation costs points (`rateLimit`); `@cost` and `@listSize` tell how many."
)
_ROOTS = "schema {\n  query: Query\n  mutation: Mutation\n  subscription: Subscription\n}\n\n"
_ONE_OF = "directive @oneOf on INPUT_OBJECT\n\n"
"""Strawberry prints its definition, but the specification leaves out those of its own directives."""


class _OperationExtension(SchemaExtension):
    """The steps of an operation on graphql-core: parse, prepare, admit, execute, settle.

    Steps that were already done are skipped.
    """

    async def on_parse(self) -> AsyncIterator[None]:
        context, execution = self._context, self.execution_context
        if context.document is None:
            context.document = await context.executor.read(context, execution.query or "")
        if context.document.ast is None:
            raise context.document.errors[0]
        execution.graphql_document = context.document.ast
        operation = context.document.operation(execution.operation_name)
        # those of subscriptions are refused
        if operation and operation.has_parts and not operation.is_subscription:
            document = context.document
            execution.graphql_document = (
                document.ast_without_streams if context.is_in_parts else document.whole_ast
            )
        yield

    def on_validate(self) -> Iterator[None]:
        context, execution = self._context, self.execution_context
        assert context.document is not None
        execution.pre_execution_errors = context.document.errors
        operation = context.document.operation(execution.operation_name)
        if operation is not None and context.charge is None:  # else it was prepared already
            prepared = operation.prepare(execution.variables or {})
            if isinstance(prepared, list):
                execution.pre_execution_errors += prepared
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        context, execution = self._context, self.execution_context
        assert context.document is not None
        operation = context.document.operation(execution.operation_name)
        if operation is None:
            raise UnknownOperation(execution.operation_name)
        context.record_operation(operation.name)
        if context.charge is None:
            prepared = operation.prepare(execution.variables or {})
            if not isinstance(prepared, list):  # else validation has failed
                await context.executor.admit(context, prepared)
        yield
        if context.is_in_parts:
            return  # settled with its last part
        if context.charge is not None and execution.result is not None:
            context.executor.settle(context, operation, execution.result.data)

    def get_results(self) -> dict[str, Any]:
        charge = self._context.charge
        return {"cost": charge.report()} if charge is not None else {}

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context


class Schema(strawberry.Schema):
    """Strawberry's schema, with coded errors that reveal no internals, and with costs."""

    @property
    def core(self) -> GraphQLSchema:
        """The graphql-core schema. Strawberry has no public name of it."""
        return self._schema

    def executor(
        self, context: Context, operation_name: str | None, variables: dict[str, Any], root: Any
    ) -> Executor[Any] | list[GraphQLError]:
        """Make what executes an operation of the context's document once, or errors."""
        assert context.document is not None
        assert context.document.ast is not None
        return _Execution.build(
            self.core,
            context.document.ast,
            root_value=root,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation_name,
        )

    @cached_property
    def digest(self) -> bytes:
        """Hash of the schema's text."""
        return blake2b(self.as_str().encode(), digest_size=20).digest()

    @cached_property
    def costs(self) -> CostModel:
        """The cost model, from the directives of the fields."""
        name_of = self.config.name_converter.get_graphql_name
        definitions = [each.definition for each in self.schema_converter.type_map.values()]
        fields = {
            (each.name, name_of(declared)): declared
            for each in definitions
            if isinstance(each, StrawberryObjectDefinition)
            for declared in each.fields
        }
        sizes = {
            of: size
            for of, declared in fields.items()
            if (size := list_size_of(declared)) is not None
        }
        return CostModel(
            self.core, sizes, {of: weight_of(declared) for of, declared in fields.items()}
        )

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Describe each error for the caller, in place. Unexpected ones are logged."""
        execution = execution_context
        context = execution.context if execution else None
        self.describe_errors(errors, context, execution.operation_name if execution else None)

    def describe_errors(
        self, errors: list[GraphQLError], context: Context | None, operation_name: str | None
    ) -> None:
        """Describe the errors of an operation for the caller, in place."""
        for error in errors:
            describe(error, getattr(context, "request_id", ""))
            _locate(error, getattr(context, "document", None), operation_name)


def _locate(error: GraphQLError, document: Document | None, operation_name: str | None) -> None:
    """Add the schema coordinate of the field or argument that an error is about."""
    if document is None or error.extensions is None:
        return
    operation = document.operation(operation_name)
    path = error.path or (operation and _subscribed(error, operation))
    if operation is not None and path:
        found = operation.coordinate(path, error.extensions.get("field"))
        error.extensions |= {"coordinate": found} if found else {}


def _subscribed(error: GraphQLError, operation: Operation) -> list[str | int] | None:
    """Get the path of the field whose argument ended a subscription: graphql-core tells none."""
    if operation.node.operation is not OperationType.SUBSCRIPTION:
        return None
    original, [selected, *_] = error.original_error, operation.node.selection_set.selections
    if not (
        isinstance(original, CallerError) and original.field and isinstance(selected, FieldNode)
    ):
        return None
    return [(selected.alias or selected.name).value]


class _Execution(LongLists, StrawberryGraphQLCoreExecutionContext):
    """graphql-core's execution, which keeps no reference to itself.

    With one, all that an operation had would stay until the collector's next round.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        helpers = self.async_helpers
        self.async_helpers = GraphQLResolveInfoHelpers(
            gather=_weakly(helpers.gather), track=_weakly(helpers.track)
        )


def _weakly(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Call a method of an object that the call does not keep; the object still has to exist."""
    reference = WeakMethod(method)

    def call(values: Any) -> Any:
        bound = reference()
        assert bound is not None
        return bound(values)

    return call


@cache
def build_schema() -> Schema:
    """Make the schema. It holds no state, so every call returns the same one."""
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[_OperationExtension],
        execution_context_class=_Execution,
        types=[ApiToken, BestEffort, PersonalBest],
        config=StrawberryConfig(scalar_map=SCALARS, enable_experimental_incremental_execution=True),
    )
    schema.core.description = _DESCRIPTION  # Strawberry knows no description of a schema
    _describe_arguments(schema.core)
    _drop_null_defaults(schema.core)
    _know_one_of(schema.core)
    return schema


def build_core_schema() -> GraphQLSchema:
    """Make the schema as graphql-core knows it."""
    return build_schema().core


def _describe_arguments(schema: GraphQLSchema) -> None:
    """Describe the arguments of our directives: Strawberry drops what their fields say."""
    for directive in schema.directives:
        ours = directive.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(ours, StrawberrySchemaDirective):
            described = zip(directive.args.values(), ours.fields, strict=True)
            for argument, field in described:
                argument.description = field.description


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """Remove the default `null` from the schema's text: omitting a value means the same."""
    for each in schema.type_map.values():
        fields = each.fields if isinstance(each, GraphQLObjectType | GraphQLInputObjectType) else {}
        inputs = [
            argument
            for field in fields.values()
            for argument in getattr(field, "args", {}).values()
        ]
        for accepted in (*inputs, *fields.values()):
            if getattr(accepted, "default_value", Undefined) is None:
                accepted.default_value = Undefined


def _know_one_of(schema: GraphQLSchema) -> None:
    """Let graphql-core check inputs that are `@oneOf`: it says which value of a variable is wrong.

    Strawberry's own check of variables does not.
    """
    for each in schema.type_map.values():
        definition = each.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(each, GraphQLInputObjectType) and definition and definition.is_one_of:
            each.is_one_of = True
            each.out_type = GraphQLInputObjectType.out_type  # type: ignore[method-assign]


def print_schema() -> str:
    """Print the schema in the schema definition language, as in `schema.graphql`."""
    description = f'"""\n{_DESCRIPTION}\n"""\n'
    return description + _ROOTS + build_schema().as_str().replace(_ONE_OF, "") + "\n"
