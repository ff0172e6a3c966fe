"""The schema, put together."""

from collections.abc import AsyncIterator
from functools import cache, cached_property

import strawberry
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_operation_ast,
)
from graphql.execution.values import get_variable_values
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.base import StrawberryObjectDefinition

from graph.context import Context
from graph.cost import CostModel
from graph.errors import describe
from graph.mutation import Mutation
from graph.query import Query
from graph.row_type import list_size_of
from graph.scalars import SCALARS
from graph.subscription import Subscription
from graph.types.api_token import ApiToken
from graph.types.best_effort import BestEffort
from graph.types.personal_best import PersonalBest


class _Surroundings(SchemaExtension):
    """Before an operation runs: fresh loaders (on a WebSocket all share a context), its name, its cost."""

    async def on_execute(self) -> AsyncIterator[None]:
        context: Context = self.execution_context.context
        context.forget()
        context.note_operation(self.execution_context.operation_name)
        await _charge(context, self.execution_context)
        yield


async def _charge(context: Context, execution: ExecutionContext) -> None:
    """Take the operation's cost from the caller's budget, unless a plan did. Raises TooExpensive, BudgetExhausted."""
    if context.is_charged:
        context.is_charged = False  # the next operation on this WebSocket is another
        return
    schema, document = build_schema(), execution.graphql_document
    operation = get_operation_ast(document, execution.operation_name) if document else None
    if document is None or operation is None:
        return  # execution says what is wrong
    variables = get_variable_values(
        schema.core,
        operation.variable_definitions or (),
        execution.variables or {},
    )
    if isinstance(variables, list):
        return
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    await context.charge(*schema.costs.cost(operation, fragments, variables.coerced))


class Schema(strawberry.Schema):
    """Strawberry's schema, whose errors carry codes and no internals, and whose operations have a cost."""

    @property
    def core(self) -> GraphQLSchema:
        """The same schema, as graphql-core knows it: Strawberry has no public name for it."""
        return self._schema

    @cached_property
    def costs(self) -> CostModel:
        """What operations cost, by the sizes that list fields declare."""
        name_of = self.config.name_converter.get_graphql_name
        definitions = [each.definition for each in self.schema_converter.type_map.values()]
        sizes = {
            (each.name, name_of(declared)): size
            for each in definitions
            if isinstance(each, StrawberryObjectDefinition)
            for declared in each.fields
            if (size := list_size_of(declared)) is not None
        }
        return CostModel(self.core, sizes)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Describe each error for the caller, in place; the unexpected ones are logged."""
        context = execution_context.context if execution_context else None
        for error in errors:
            describe(error, getattr(context, "request_id", ""))


@cache
def build_schema() -> Schema:
    """Make the schema: the same one each time, for it holds no state."""
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[_Surroundings],
        types=[ApiToken, BestEffort, PersonalBest],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    _drop_null_defaults(schema.core)
    return schema


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """Show what may be left out without `= null`: that is what leaving it out means."""
    for each in schema.type_map.values():
        fields = each.fields if isinstance(each, GraphQLObjectType | GraphQLInputObjectType) else {}
        inputs = [argument for field in fields.values() for argument in getattr(field, "args", {}).values()]
        for accepted in (*inputs, *fields.values()):
            if getattr(accepted, "default_value", Undefined) is None:
                accepted.default_value = Undefined


def print_schema() -> str:
    """Write the schema in the schema definition language: what `schema.graphql` holds."""
    return build_schema().as_str() + "\n"
