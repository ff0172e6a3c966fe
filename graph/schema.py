"""The schema, put together."""

from collections.abc import Iterator
from functools import cache

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, Undefined
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from graph.context import Context
from graph.errors import describe
from graph.mutation import Mutation
from graph.query import Query
from graph.scalars import SCALARS
from graph.subscription import Subscription
from graph.types.api_token import ApiToken
from graph.types.best_effort import BestEffort
from graph.types.personal_best import PersonalBest


class _Surroundings(SchemaExtension):
    """Gives each operation fresh loaders (on a WebSocket they share a context), and tells its name to the log."""

    def on_execute(self) -> Iterator[None]:
        context: Context = self.execution_context.context
        context.forget()
        context.note_operation(self.execution_context.operation_name)
        yield


class Schema(strawberry.Schema):
    """Strawberry's schema, whose errors carry codes and no internals."""

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
    _drop_null_defaults(schema._schema)  # noqa: SLF001 - Strawberry has no public name for graphql-core's schema
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
