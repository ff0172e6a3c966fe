"""Root fields, declared: what they answer with, for Strawberry's resolver and for a plan alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from graph.context import Context, Info
from graph.ids import decode_id_of
from graph.node import load_node_of
from graph.row_type import field

GlobalId = Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]


@dataclass(frozen=True, slots=True)
class ById:
    """The row of one type that the argument `id` names; null where it is absent or not visible."""

    type_name: str

    def key(self, arguments: Mapping[str, Any]) -> int:
        """Number of the row. Raises InvalidId."""
        return decode_id_of(self.type_name, arguments["id"], "id")


@dataclass(frozen=True, slots=True)
class Computed:
    """An object that is computed from context and arguments, without a statement."""

    compute: Callable[[Context, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, whose fields start from who is signed in; null when nobody is."""


@dataclass(frozen=True, slots=True)
class NodesById:
    """The rows that global ids of any types name, null where absent or not visible: one, or with `many` a list."""

    many: bool = False


def by_id(type_name: str, description: str, returns: Any) -> Any:
    """Declare a root field that finds a row by its global id."""

    async def resolve(root: Any, info: Info, id: GlobalId) -> Any:  # noqa: A002, ARG001 - the argument's public name
        return await load_node_of(info, type_name, id, "id")

    resolve.__annotations__ = {**resolve.__annotations__, "return": returns}
    return field(ById(type_name), description, resolver=resolve)


def computed(compute: Callable[[Context], Any], description: str, returns: Any) -> Any:
    """Declare a root field without arguments whose object is computed from the context."""

    def resolve(root: Any, info: Info) -> Any:  # noqa: ARG001 - Strawberry's form
        return compute(info.context)

    resolve.__annotations__ = {**resolve.__annotations__, "return": returns}
    return field(Computed(lambda context, _: compute(context)), description, resolver=resolve)
