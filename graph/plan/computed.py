"""Root fields that are computed, without a statement."""

from typing import Any

from graphql.type import GraphQLNonNull

from graph.context import Context
from graph.mapping.row_type import source_of
from graph.plan.query_tree import RequestArguments
from graph.plan.selection import SelectedField, declared
from graph.scalars import format_floats
from graph.schema.root_field import ViewerObject
from runtime.kept_json import kept_json


def computed(selected: SelectedField, context: Context, asked: RequestArguments) -> bytes:
    """Write the JSON of a root field that is computed."""
    if selected.definition is None:
        return type_name(selected)
    source = source_of(declared(selected))
    if isinstance(source, ViewerObject):
        return b"null"
    return kept_json(_project(selected, source.compute(context, asked.roots[selected])))


def type_name(selected: SelectedField) -> bytes:
    """Write the JSON of a `__typename`."""
    return kept_json(selected.parent.name)


def _project(selected: SelectedField, made: Any) -> Any:
    """Write a computed leaf, or the selected members, all of them leaves, of an object or a list."""
    if not selected.below:
        return _leaf(selected, made)
    if isinstance(made, list):
        return [_project(selected, each) for each in made]
    (fields,) = selected.below.values()
    return {each.response_name: format_floats(_member(each, made)) for each in fields}


def _member(selected: SelectedField, made: Any) -> Any:
    if selected.definition is None:
        return selected.parent.name
    return _leaf(selected, getattr(made, declared(selected).python_name))


def _leaf(selected: SelectedField, value: Any) -> Any:
    assert selected.definition is not None
    type_: Any = selected.definition.type
    while isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    return None if value is None else type_.serialize(value)
