"""The data of an answer that is sent in parts: where parts belong, and what each of them adds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
)

from graph.delivery.parts import AnswerPart

AnswerPath = tuple[str | int, ...]
"""Response names and indexes from the root on."""


class Addition(NamedTuple):
    """Members that an object at a path gets."""

    path: AnswerPath
    data: dict[str, Any]


def places(data: Any, part: AnswerPart, type_member: str) -> Iterator[AnswerPath]:
    """Find the objects, or the lists, that a part belongs to.

    `type_member` is the response name of an object's type, where a condition needs it. Objects that
    lack it are from graphql-core: to those of other types the part adds nothing.
    """
    pending: list[tuple[AnswerPath, Any, int]] = [((), data, 0)]
    while pending:
        path, value, depth = pending.pop()
        is_end = depth == len(part.path)
        if isinstance(value, list):
            if is_end and part.first is not None:
                yield path
                continue
            pending += [((*path, index), each, depth) for index, each in enumerate(value)][::-1]
        elif isinstance(value, dict) and _fits(value, depth, part, type_member):
            if is_end:
                yield path
            elif (name := part.path[depth]) in value:
                pending.append(((*path, name), value[name], depth + 1))


def _fits(value: Mapping[str, Any], depth: int, part: AnswerPart, type_member: str) -> bool:
    type_ = value.get(type_member)
    return type_ is None or all(
        type_ in each.types for each in part.conditions if each.depth == depth
    )


def value_at(data: Any, path: AnswerPath) -> Any:
    """Get the value at a path. None where there is none."""
    for step in path:
        if isinstance(step, str):
            data = data.get(step) if isinstance(data, dict) else None
        else:
            data = data[step] if isinstance(data, list) and step < len(data) else None
    return data


def add(known: dict[str, Any], new: Mapping[str, Any], path: AnswerPath = ()) -> list[Addition]:
    """Add the members of an object that are not known, also of the objects below.

    Returns them by object; paths begin with `path`.
    """
    own: dict[str, Any] = {}
    found = [Addition(path, own)]
    for name, value in new.items():
        if name in known:
            found += _add_below(known[name], value, (*path, name))
        else:
            known[name] = own[name] = value
    return [each for each in found if each.data]


def _add_below(known: Any, new: Any, path: AnswerPath) -> list[Addition]:
    if isinstance(known, dict) and isinstance(new, dict):
        return add(known, new, path)
    if isinstance(known, list) and isinstance(new, list):
        pairs = enumerate(zip(known, new, strict=False))
        return [each for index, pair in pairs for each in _add_below(*pair, (*path, index))]
    return []


def selected(
    value: Any,
    selections: Sequence[SelectionNode],
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Any:
    """Copy what selections have of a value that has more."""
    if isinstance(value, list):
        return [selected(each, selections, fragments) for each in value]
    if not isinstance(value, dict):
        return value
    below = _by_name(selections, fragments)
    return {
        name: value[name] if nodes is None else selected(value[name], nodes, fragments)
        for name, nodes in below.items()
        if name in value
    }


def _by_name(
    selections: Sequence[SelectionNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> dict[str, list[SelectionNode] | None]:
    """Get the selections below each response name, in order. None for a leaf."""
    found: dict[str, list[SelectionNode] | None] = {}
    spread: set[str] = set()
    pending = list(selections)[::-1]
    while pending:
        node = pending.pop()
        if isinstance(node, FieldNode):
            name = (node.alias or node.name).value
            below = found.setdefault(name, None if node.selection_set is None else [])
            if below is not None and node.selection_set is not None:
                below += node.selection_set.selections
        elif isinstance(node, InlineFragmentNode):
            pending += node.selection_set.selections[::-1]
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
            spread.add(node.name.value)
            pending += fragments[node.name.value].selection_set.selections[::-1]
    return found


def without(name: str, value: Any) -> Any:
    """Copy a value without the members of one name."""
    if isinstance(value, list):
        return [without(name, each) for each in value]
    if isinstance(value, dict):
        return {key: without(name, each) for key, each in value.items() if key != name}
    return value
