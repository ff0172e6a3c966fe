"""Cost directives of fields, as in `schema.graphql`: `@cost` and `@listSize`.

They follow IBM's specification (https://ibm.github.io/graphql-specs/cost-spec.html), which Apollo
and Hot Chocolate also support. `graph/cost/model.py` computes costs from them alone, and from
`graph/cost/prices.py`.
"""

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from graph.cost.prices import INTROSPECTION, INTROSPECTION_GROWTH, MEMBERS_PER_POINT
from graph.pagination import DEFAULT_SIZE, MAX_POINTS, MAX_SIZE

LARGEST_SIZES = {"maxPoints": MAX_POINTS}
"""The largest sizes that are not refused, by argument; else MAX_SIZE."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="cost",
    description="Cost of selecting the field, in addition to the objects it returns. An object "
    "costs 1 plus the fields selected on it; a scalar costs nothing. For an interface, the most "
    f"expensive type counts. `__schema` and `__type` cost {INTROSPECTION}. A list below them costs "
    f"{INTROSPECTION} too, multiplied by {INTROSPECTION_GROWTH} for each list around it; all lists "
    f"together cost at least 1 per {MEMBERS_PER_POINT} fields of the answer, deprecated ones "
    "included.",
)
class Cost:
    """The weight, as decimal digits."""

    weight: str = strawberry.field(description="Points, a whole number.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="Number of entries to assume for a list of objects in an operation's cost. On an "
    "object that is no list, and without `sizedFields`, the object counts as so many. A list of "
    f"objects without this directive counts as {DEFAULT_SIZE} entries. At least one entry is "
    f"counted, even for an empty list. A number below 1 or above {MAX_SIZE} (`maxPoints`: "
    f"{MAX_POINTS}) counts as one, because the operation is refused.",
)
class ListSize:
    """The size of a list. Undeclared parts are UNSET."""

    assumed_size: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Number of entries where no slicing argument is given.",
    )
    slicing_arguments: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Arguments of which the largest is the number of entries: a number, or the "
        "length of a list. `input.size` means a field of an argument.",
    )
    sized_fields: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Fields of the returned object to which the number applies. Default: to the "
        "field itself.",
    )
    require_one_slicing_argument: bool | None = strawberry.field(
        default=True,
        description="Whether exactly one slicing argument must be given. Means nothing without "
        "`slicingArguments`.",
    )
    entries_per_point: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="On an object that holds many entries: so many of them count as one.",
    )


def weighing(weight: int) -> Cost:
    """Declare a field's cost in addition to the objects it returns."""
    return Cost(weight=str(weight))


def sized(
    assumed: int | None = None,
    *,
    by: Sequence[str] = (),
    fields: Sequence[str] = (),
    per_point: int | None = None,
) -> ListSize:
    """Declare a list's size: the value of the arguments `by`, otherwise `assumed`.

    With `fields`, the size applies to these fields of the returned object. With `per_point`, so
    many entries count as one, of an object that holds many.
    """
    unset: Any = strawberry.UNSET
    return ListSize(
        assumed_size=unset if assumed is None else assumed,
        slicing_arguments=list(by) or unset,
        sized_fields=list(fields) or unset,
        require_one_slicing_argument=False if by else unset,
        entries_per_point=unset if per_point is None else per_point,
    )


def list_size_of(declared: StrawberryField) -> ListSize | None:
    """Get the declared size of a field, if any."""
    return next((each for each in declared.directives if isinstance(each, ListSize)), None)


def weight_of(declared: StrawberryField) -> int:
    """Get the declared cost of a field in addition to the objects it returns; by default 0."""
    return next((int(each.weight) for each in declared.directives if isinstance(each, Cost)), 0)
