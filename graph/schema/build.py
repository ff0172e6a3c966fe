"""The schema, put together."""

from collections.abc import AsyncIterator, Iterator
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any

import strawberry
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.base import StrawberryObjectDefinition

from graph.context import Context
from graph.cost import CostModel
from graph.cost_directives import list_size_of, weight_of
from graph.errors import UnknownOperation, describe
from graph.mutation import Mutation
from graph.query import Query
from graph.scalars import SCALARS
from graph.subscription import Subscription
from graph.types.api_token import ApiToken
from graph.types.best_effort import BestEffort
from graph.types.personal_best import PersonalBest


class _Steps(SchemaExtension):
    """An operation's steps on graphql-core: read, admitted, run, settled; those taken already are not taken again."""

    async def on_parse(self) -> AsyncIterator[None]:
        context, execution = self._context, self.execution_context
        if context.document is None:
            context.document = await context.executor.read(context, execution.query or "")
        if context.document.ast is None:
            raise context.document.errors[0]
        execution.graphql_document = context.document.ast
        yield

    def on_validate(self) -> Iterator[None]:
        context, execution = self._context, self.execution_context
        assert context.document is not None
        operation = context.document.operation(execution.operation_name)
        execution.pre_execution_errors = context.document.errors
        if operation is not None and context.charge is None:  # else its variables were found to fit
            execution.pre_execution_errors += operation.variable_errors(build_schema(), execution.variables or {})
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        context, execution = self._context, self.execution_context
        assert context.document is not None
        operation = context.document.operation(execution.operation_name)
        if operation is None:
            raise UnknownOperation(execution.operation_name)
        context.note_operation(operation.name)
        variables = operation.variables(build_schema(), execution.variables or {})
        if context.charge is None and variables is not None:  # if they do not fit, execution says why
            await context.executor.admit(context, operation, variables)
        yield
        if context.charge is not None and execution.result is not None:
            context.executor.settle(context.charge, operation, execution.result.data)

    def get_results(self) -> dict[str, Any]:
        charge = self._context.charge
        return {"cost": charge.report()} if charge is not None else {}

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context


class Schema(strawberry.Schema):
    """Strawberry's schema, whose errors carry codes and no internals, and whose operations have a cost."""

    @property
    def core(self) -> GraphQLSchema:
        """The same schema, as graphql-core knows it: Strawberry has no public name for it."""
        return self._schema

    @cached_property
    def digest(self) -> bytes:
        """Tells this schema from another."""
        return blake2b(self.as_str().encode(), digest_size=20).digest()

    @cached_property
    def costs(self) -> CostModel:
        """What operations cost, by what fields declare."""
        name_of = self.config.name_converter.get_graphql_name
        definitions = [each.definition for each in self.schema_converter.type_map.values()]
        fields = {
            (each.name, name_of(declared)): declared
            for each in definitions
            if isinstance(each, StrawberryObjectDefinition)
            for declared in each.fields
        }
        sizes = {of: size for of, declared in fields.items() if (size := list_size_of(declared)) is not None}
        return CostModel(self.core, sizes, {of: weight_of(declared) for of, declared in fields.items()})

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
        extensions=[_Steps],
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
