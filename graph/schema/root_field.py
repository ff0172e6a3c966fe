"""Sources of root fields, used by Strawberry's resolvers and by plans."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from graph.context import Context, Info
from graph.global_id import decode_id_of
from graph.mapping.row_type import field
from graph.types.node_lookup import load_node_of

GlobalId = Annotated[strawberry.ID, strawberry.argument(description="Global id of the object.")]


@dataclass(frozen=True, slots=True)
class RowById:
    """The row of one type with the id in the argument `id`; null if absent or not visible."""

    type_name: str

    def key(self, arguments: Mapping[str, Any]) -> int:
        """Id of the row. Raises InvalidId."""
        return decode_id_of(self.type_name, arguments["id"], "id")


@dataclass(frozen=True, slots=True)
class ComputedObject:
    """An object, or a list of them, computed from context and arguments, without a statement."""

    compute: Callable[[Context, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class ViewerObject:
    """The signed-in caller; null when signed out."""


@dataclass(frozen=True, slots=True)
class NodesById:
    """Rows of any types by global id: one, or a list with `many`.

    Null for each that is absent or not visible.
    """

    many: bool = False


def by_id(type_name: str, description: str, returns: Any) -> Any:
    """Declare a root field that finds a row by its global id."""

    async def resolve(root: Any, info: Info, id: GlobalId) -> Any:  # noqa: ARG001
        return await load_node_of(info.context, type_name, id, "id")

    resolve.__annotations__ = {**resolve.__annotations__, "return": returns}
    return field(RowById(type_name), description, resolver=resolve)


def computed(compute: Callable[[Context], Any], description: str, returns: Any) -> Any:
    """Declare a root field without arguments, computed from the context."""

    def resolve(root: Any, info: Info) -> Any:  # noqa: ARG001 - Strawberry's form
        return compute(info.context)

    resolve.__annotations__ = {**resolve.__annotations__, "return": returns}
    return field(ComputedObject(lambda context, _: compute(context)), description, resolver=resolve)
