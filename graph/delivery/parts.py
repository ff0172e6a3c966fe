"""What an operation with @defer and @stream is split into."""

from dataclasses import dataclass
from typing import NamedTuple

from graphql import SelectionNode

from graph.document.operation import Operation

_NODE_BYTES = 300
_SPLIT_BYTES = 2000

ResponsePath = tuple[str, ...]
"""Response names from the root on, without indexes of lists."""


class Condition(NamedTuple):
    """Objects after `depth` fields have to be of one of some types."""

    depth: int
    types: frozenset[str]


@dataclass(eq=False, slots=True)
class AnswerPart:
    """A deferred fragment, or the rest of a streamed list.

    `path` leads to the fragment's object, or to the list. `parent` is the fragment around it, None
    where the first operation has it. `operation` gets a fragment's data, or the whole list; None
    for a fragment that selects nothing but other parts, and for a list that is read at once.
    `first` is how many entries of a list are sent at once, None for a fragment. `selections` are
    the fragment's own, or those of an entry.
    """

    label: str | None
    path: ResponsePath
    parent: "AnswerPart | None"
    conditions: tuple[Condition, ...]
    first: int | None = None
    operation: Operation | None = None
    selections: tuple[SelectionNode, ...] = ()


@dataclass(eq=False, slots=True)
class SplitOperation:
    """An operation in parts, each after the ones it depends on.

    `hidden` is the response name of members that were added: the types of objects, where a fragment
    depends on them, or where an object has nothing else yet.
    """

    first: Operation
    parts: list[AnswerPart]
    hidden: str
    has_hidden: bool
    nodes: int

    @property
    def bytes(self) -> int:
        """Approximate size, with what is kept for its operations."""
        operations = [self.first, *(each.operation for each in self.parts if each.operation)]
        return _SPLIT_BYTES + _NODE_BYTES * self.nodes + sum([each.bytes for each in operations])
