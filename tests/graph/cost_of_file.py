"""What an operation costs, from `schema.graphql` alone: from its directives and what their
descriptions say.

Written apart from `graph/cost/model.py`, and for being plain: nothing is kept, fragments are walked
at each spread.
"""

from collections import defaultdict
from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    Visitor,
    execute_sync,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    parse,
    print_ast,
    value_from_ast_untyped,
    visit,
)

_WITH_DEPRECATED = {"fields", "args", "enumValues", "inputFields"}


class FromTheFile:
    """One operation. `variables` are as a request has them."""

    def __init__(self, schema: GraphQLSchema, text: str, variables: dict[str, Any]) -> None:
        self.schema, self.variables = schema, dict(variables)
        definitions = parse(text).definitions
        self.fragments = {
            each.name.value: each
            for each in definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        [self.operation] = [
            each for each in definitions if isinstance(each, OperationDefinitionNode)
        ]
        for each in self.operation.variable_definitions or ():
            if each.default_value is not None:
                self.variables.setdefault(
                    each.variable.name.value, value_from_ast_untyped(each.default_value)
                )

    def cost(self) -> int:
        root = self.schema.get_root_type(self.operation.operation)
        return self.of_object(root, [self.operation.selection_set], {})

    def of_object(self, of, selection_sets, sizes) -> int:
        found = defaultdict(list)
        for each in selection_sets:
            self.collect(of, each, found)
        return sum(self.of_field(of, nodes, sizes) for nodes in found.values())

    def of_field(self, of, nodes, sizes) -> int:
        name = nodes[0].name.value
        if name.startswith("__"):
            asked = {"__schema": "__Schema", "__type": "__Type"}
            if name == "__typename":
                return 0
            lists = self.of_schema(self.schema.get_type(asked[name]), nodes, 10)
            return 10 + max(lists, self.members(nodes) // 16)
        field = of.fields[name]
        weight = int(self.directive(field, "cost").get("weight", 0))
        returned = get_named_type(field.type)
        if not is_composite_type(returned):
            return weight
        size = self.size(field, nodes[0])
        sized_fields = self.directive(field, "listSize").get("sizedFields", [])
        below = dict.fromkeys(sized_fields, size)
        types = (
            self.schema.get_possible_types(returned) if is_abstract_type(returned) else [returned]
        )
        selection_sets = [node.selection_set for node in nodes]
        dearest = max(self.of_object(each, selection_sets, below) for each in types)
        type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        stands_for_many = self.directive(field, "listSize") and not sized_fields
        entries = 1
        if isinstance(type_, GraphQLList) or stands_for_many:
            entries = sizes.get(name, size)
        entries = -(-entries // self.directive(field, "listSize").get("entriesPerPoint", 1))
        return weight + entries * (1 + dearest)

    def of_schema(self, of, nodes, each) -> int:
        """`each` list of what is asked about the schema; four times as much inside it."""
        found = defaultdict(list)
        for node in nodes:
            self.collect(of, node.selection_set, found)
        total = 0
        for below in found.values():
            name = below[0].name.value
            returned = get_named_type(of.fields[name].type) if name in of.fields else None
            if returned is not None and is_composite_type(returned):
                is_list = "[" in str(of.fields[name].type)
                total += is_list * each + self.of_schema(
                    returned, below, each * 4 if is_list else each
                )
        return total

    def members(self, nodes) -> int:
        """Count the fields of the answer to one root field, deprecated ones included."""
        used = OperationDefinitionNode(
            operation=OperationType.QUERY,
            selection_set=SelectionSetNode(selections=tuple(nodes)),
            variable_definitions=self.operation.variable_definitions,
        )
        document = DocumentNode(definitions=(used, *self.fragments.values()))
        shown = visit(parse(print_ast(document)), _Deprecated())
        [answer] = execute_sync(self.schema, shown, variable_values=self.variables).data.values()
        return _fields_in(answer)

    def size(self, field, node) -> int:
        declared = self.directive(field, "listSize")
        values = {
            each.name.value: value_from_ast_untyped(each.value, self.variables)
            for each in node.arguments or ()
        }
        asked = {
            name: values.get(name, self.default(field, name))
            for name in declared.get("slicingArguments", [])
        }
        sizes = {
            name: len(each) if isinstance(each, list) else each
            for name, each in asked.items()
            if isinstance(each, int | list)
        }
        most = {"maxPoints": 5000}
        return (
            max(1, *(0 if each > most.get(name, 1000) else each for name, each in sizes.items()))
            if sizes
            else declared.get("assumedSize", 20)
        )

    def default(self, field, name):
        value = field.args[name].default_value if name in field.args else None
        return None if value is Undefined else value

    def directive(self, field, name) -> dict[str, Any]:
        found = [each for each in field.ast_node.directives or () if each.name.value == name]
        return (
            {
                each.name.value: value_from_ast_untyped(each.value)
                for each in found[0].arguments or ()
            }
            if found
            else {}
        )

    def collect(self, of, selection_set, found) -> None:
        for node in selection_set.selections:
            if not self.is_included(node):
                continue
            if isinstance(node, FieldNode):
                found[(node.alias or node.name).value].append(node)
                continue
            fragment = (
                self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            )
            on = (
                self.schema.get_type(fragment.type_condition.name.value)
                if fragment.type_condition
                else of
            )
            if on is of or (is_abstract_type(on) and self.schema.is_sub_type(on, of)):
                self.collect(of, fragment.selection_set, found)

    def is_included(self, node) -> bool:
        conditions = {
            each.name.value: value_from_ast_untyped(each.arguments[0].value, self.variables)
            for each in node.directives or ()
        }
        return not conditions.get("skip", False) and conditions.get("include", True)


class _Deprecated(Visitor):
    """Asks for deprecated members too."""

    def enter_field(self, node, *_):
        if node.name.value not in _WITH_DEPRECATED:
            return None
        shown = ArgumentNode(
            name=NameNode(value="includeDeprecated"), value=BooleanValueNode(value=True)
        )
        fields = {name: getattr(node, name) for name in node.keys}
        return FieldNode(**{**fields, "arguments": (shown,)})


def _fields_in(value) -> int:
    if isinstance(value, list):
        return sum(map(_fields_in, value))
    return sum(1 + _fields_in(each) for each in value.values()) if isinstance(value, dict) else 0
