"""What fields declare of their cost, and `schema.graphql` shows: `@cost` and `@listSize`.

They are IBM's (https://ibm.github.io/graphql-specs/cost-spec.html), which Apollo and Hot Chocolate speak, too.
`graph/cost.py` computes from them and from nothing else.
"""

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from graph.pagination import DEFAULT_SIZE, MAX_SIZE

MUTATION = 10
INTROSPECTION = 10
INTROSPECTION_GROWTH = 4


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="cost",
    description="What asking for the field costs besides the objects it returns. Each of those costs 1, and what is "
    "selected of it; scalars cost nothing. Of an interface's types the dearest counts. `__schema` and `__type` cost "
    f"{INTROSPECTION}, and so does a list below them, {INTROSPECTION_GROWTH} times as much for each list it is in. "
    "The weight is a whole number.",
)
class Cost:
    """The weight, in decimal digits."""

    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many entries a list of objects counts in an operation's cost: what the slicing arguments ask for "
    "(a number, or a list by its length; the largest of several; `input.size` is a field of an argument), else "
    "`assumedSize`. Where there are sized fields, they are the lists: fields of the object that is returned. A list of "
    f"objects without this directive counts {DEFAULT_SIZE}. One entry counts at least, even of an empty list; a number "
    f"below 1 or above {MAX_SIZE} counts one, for it is refused.",
)
class ListSize:
    """A list's size. What is not declared is UNSET."""

    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = True


def weighing(weight: int) -> Cost:
    """Declare what a field costs besides the objects it returns."""
    return Cost(weight=str(weight))


def sized(assumed: int | None = None, *, by: Sequence[str] = (), fields: Sequence[str] = ()) -> ListSize:
    """Declare a list's size: `assumed`, unless one of the arguments `by` says another; `fields` have it, if given."""
    unset: Any = strawberry.UNSET
    return ListSize(
        assumed_size=unset if assumed is None else assumed,
        slicing_arguments=list(by) or unset,
        sized_fields=list(fields) or unset,
        require_one_slicing_argument=False if by else unset,
    )


def list_size_of(declared: StrawberryField) -> ListSize | None:
    """Get what a field declares of its size."""
    return next((each for each in declared.directives if isinstance(each, ListSize)), None)


def weight_of(declared: StrawberryField) -> int:
    """Get what a field declares that it costs besides the objects it returns."""
    return next((int(each.weight) for each in declared.directives if isinstance(each, Cost)), 0)
