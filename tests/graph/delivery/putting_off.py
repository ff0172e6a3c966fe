"""Puts parts of generated queries off, by @defer and @stream."""

from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_list_type,
    parse,
    print_ast,
    validate,
    visit,
)
from graphql.type import GraphQLNonNull
from hypothesis import assume
from hypothesis import strategies as st

from graph.schema.build import build_schema
from tests.graph.plan.queries import documents


@st.composite
def documents_in_parts(draw: Any, ids: list[str], cursors: list[str]) -> tuple[str, dict[str, Any]]:
    """Queries' texts and their variables; most have @defer or @stream."""
    text, variables = draw(documents(ids, cursors))
    random = draw(st.randoms(use_true_random=False))
    schema = build_schema().core
    types = TypeInfo(schema)
    changed = visit(parse(text), TypeInfoVisitor(types, _PutsOff(types, random)))
    assume(not validate(schema, changed))
    return print_ast(changed), variables


class _PutsOff(Visitor):
    def __init__(self, types: TypeInfo, random: Any) -> None:
        super().__init__()
        self.types, self.random = types, random
        self.labels = 0

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        type_ = self.types.get_type()
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if node.selection_set is None or not is_list_type(type_) or self.random.random() < 0.4:
            return None
        return _with_directive(node, f"@stream(initialCount: {self.random.choice([0, 1, 2])})")

    def leave_selection_set(
        self, node: SelectionSetNode, _: Any, parent: Any, *__: Any
    ) -> SelectionSetNode | None:
        if self.random.random() < 0.55:
            return None
        is_root = isinstance(parent, OperationDefinitionNode)
        put_off = [each for each in node.selections if self.random.random() < 0.5]
        if not put_off or (is_root and self.random.random() < 0.5):
            return None
        kept = [each for each in node.selections if each not in put_off]
        if self.random.random() < 0.3:  # some of it is sent at once as well
            kept.append(self.random.choice(put_off))
        fragment = InlineFragmentNode(
            directives=(), selection_set=SelectionSetNode(selections=tuple(put_off))
        )
        return SelectionSetNode(selections=(*kept, self._deferred(fragment)))

    def leave_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
        return self._deferred(node) if self.random.random() < 0.3 else None

    def leave_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> Any:
        return self._deferred(node) if self.random.random() < 0.3 else None

    def _deferred(self, node: Any) -> Any:
        self.labels += 1
        label = self.random.choice(["", f'(label: "d{self.labels}")', "(if: false)"])
        return _with_directive(node, f"@defer{label}")


def _with_directive(node: Any, text: str) -> Any:
    [field] = parse(f"{{ x {text} }}").definitions[0].selection_set.selections
    if any(each.name.value == field.directives[0].name.value for each in node.directives or ()):
        return node
    values = {name: getattr(node, name) for name in node.keys if name != "loc"}
    return type(node)(**{**values, "directives": (*(node.directives or ()), *field.directives)})
