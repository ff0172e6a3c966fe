"""Documents, read once, and the plans of their operations; kept, the least used dropped first."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    get_operation_ast,
    visit,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Undefined

from graph.cost import Path
from graph.document_errors import TooBusy, copied, too_many_characters
from graph.document_process import DocumentProcess, DocumentWork, process_is_possible
from graph.kept import Kept, KeptTexts
from graph.reading import Read
from graph.schema import Schema
from graph.shape import DocumentLimits
from graph.variables import coerce_variables

MAX_KEPT_TEXT = 512 * 1024
"""Characters of documents that are kept, together: a parsed one takes some 60 times its text."""
MAX_WAITING = 200
"""Unknown documents that are read or wait to be."""
_MAX_KEPT = 64  # operations of a document, costs of an operation
_MAX_VARIANTS = 8  # trees and plans of an operation
_MAX_ANSWERS = 4
_MAX_TEXT = 8 * 1024  # a longer document is not kept
_MAX_INLINE_TEXT = 512
_INLINE_EVERY_S = 0.05
_INTROSPECTION = {"__schema", "__type"}
_NO_VARIABLES = VariableValues({}, {})
T = TypeVar("T")
_PLAIN = {"ID": str, "String": str, "Boolean": bool}


@dataclass(eq=False)
class Operation:
    """One operation of a valid document, with all that was found out about it.

    `asks_about_schema`: anywhere in it, `__typename` apart.
    """

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    limits: DocumentLimits
    asks_about_schema: bool
    directive_variables: tuple[str, ...]
    size_variables: tuple[str, ...]
    trees: Kept = field(default_factory=lambda: Kept(_MAX_VARIANTS))
    plans: Kept = field(default_factory=lambda: Kept(_MAX_VARIANTS))
    costs: Kept = field(default_factory=lambda: Kept(_MAX_KEPT))
    answers: Kept = field(default_factory=lambda: Kept(_MAX_ANSWERS))
    """Answers of an introspection, by its variables."""
    plain_types: dict[str, type] | None = None
    """Python type of each variable, where all are ids, texts or booleans: most are, and then need no coercion."""

    def __post_init__(self) -> None:
        self.name = self.node.name.value if self.node.name else None
        self.is_query = self.node.operation is OperationType.QUERY
        selections = self.node.selection_set.selections
        self.is_introspection = all(
            isinstance(each, FieldNode) and each.name.value in _INTROSPECTION for each in selections
        )
        """Whether all that is asked is about the schema."""

    def variables(self, schema: Schema, raw: Mapping[str, Any]) -> VariableValues | None:
        """Coerce variables; None where they do not fit, and `variable_errors` say why."""
        if not self.node.variable_definitions:
            return _NO_VARIABLES
        if self._are_plain(raw):
            return VariableValues({}, dict(raw))
        coerced = self._coerce(schema, raw)
        return None if isinstance(coerced, list) else coerced

    def variable_errors(self, schema: Schema, raw: Mapping[str, Any]) -> list[GraphQLError]:
        """Tell why variables do not fit, each error with its code; empty where they do."""
        coerced = self._coerce(schema, raw)
        return coerced if isinstance(coerced, list) else []

    def _coerce(self, schema: Schema, raw: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        return coerce_variables(schema.core, self.node.variable_definitions or (), raw, self.limits)

    def _are_plain(self, raw: Mapping[str, Any]) -> bool:
        """Whether all variables are given, as values that coercion would leave as they are."""
        if self.plain_types is None or len(raw) != len(self.plain_types):
            return False
        return all(type(raw.get(name)) is type_ for name, type_ in self.plain_types.items())

    def cost(self, schema: Schema, variables: VariableValues) -> tuple[int, Path]:
        """Tell cost and dearest path; computed once for the values that decide it."""
        key = _hashable(variables.coerced, self.size_variables)
        found: tuple[int, Path] | None = self.costs.find(key)
        if found is None:
            found = schema.costs.cost(self.node, self.fragments, variables.coerced)
            self.costs.keep(key, found)
        return found

    def directives(self, variables: VariableValues) -> tuple[Any, ...]:
        """Values of the variables that @skip and @include use."""
        if not self.directive_variables:
            return ()
        return tuple(variables.coerced.get(name) for name in self.directive_variables)


class Document:
    """A document that was read, sound or not. `tokens` is what to charge for reading it.

    `slicing_arguments` are the names of arguments on which a cost may depend.
    """

    def __init__(self, read: Read, limits: DocumentLimits, slicing_arguments: frozenset[str] = frozenset()) -> None:
        self._read, self._limits, self._slicing_arguments = read, limits, slicing_arguments
        self._operations = Kept(_MAX_KEPT)
        self.is_sound = not read.errors

    @property
    def ast(self) -> DocumentNode | None:
        """What was parsed; None where nothing was, or too much."""
        return self._read.ast

    @property
    def tokens(self) -> int:
        return self._read.tokens

    @property
    def errors(self) -> list[GraphQLError]:
        """Why it may not run, each error with its code; empty where it is sound. Copies: they may be raised."""
        return [copied(each) for each in self._read.errors]

    def operation(self, name: str | None) -> Operation | None:
        """Get the operation that a request names; None where there is none, or none is named and there are several."""
        found: Operation | None = self._operations.find(name)
        if found is None:
            found = self._prepare(name)
            if found is not None:
                self._operations.keep(name, found)
        return found

    def _prepare(self, name: str | None) -> Operation | None:
        ast = self._read.ast
        node = get_operation_ast(ast, name) if ast is not None and not self._read.errors else None
        if ast is None or node is None:
            return None
        fragments = {each.name.value: each for each in ast.definitions if isinstance(each, FragmentDefinitionNode)}
        uses = _VariableUses(self._slicing_arguments)
        for each in (node, *fragments.values()):
            visit(each, uses)
        return Operation(
            node,
            fragments,
            self._limits,
            asks_about_schema=(node.name.value if node.name else None) in self._read.schema_operations,
            directive_variables=tuple(sorted(uses.in_directives)),
            size_variables=tuple(sorted(uses.in_sizes | uses.in_directives)),
            plain_types=_plain_types(node),
        )


class Documents:
    """The documents of one schema, by their text.

    A short one is read at once, now and then. The others are read one after the other in a process of their own, or
    without one (`begin_process`) in a thread, so that whoever asks with a known one does not wait for them.
    """

    def __init__(self, schema: Schema, limits: DocumentLimits) -> None:
        self._limits = limits
        self._work = DocumentWork(schema.core, limits)
        self._process: DocumentProcess | None = None
        self._slicing_arguments = schema.costs.slicing_arguments
        self._kept = KeptTexts[Document](MAX_KEPT_TEXT)
        self._reading: dict[str, asyncio.Future[Document]] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._read_inline_at = -_INLINE_EVERY_S
        self._waiting = 0

    def begin_process(self) -> None:
        """Read in a process from now on, where that is possible. Call it before the event loop begins."""
        if process_is_possible():
            self._process = DocumentProcess(self._work, self._limits)

    def known(self, text: str) -> Document | None:
        """Get a document that is kept, sound or not."""
        return self._kept.find(text)

    def most_tokens(self, text: str) -> int:
        """Tell how many tokens of a text are read at most: each has a character."""
        return min(len(text), self._limits.max_tokens)

    async def read(self, text: str) -> Document:
        """Read a document, sound or not; one that is asked for several times at once is read once. Raises TooBusy."""
        found = self._kept.find(text)
        if found is not None:
            return found
        if len(text) > self._limits.max_characters:
            refusal = too_many_characters(len(text), self._limits.max_characters)
            return Document(Read(None, (refusal,), tokens=0), self._limits)
        if len(text) <= _MAX_INLINE_TEXT and self._may_read_inline():
            document = self._keep(text, self._read(text))
            self._read_inline_at = monotonic()
            return document
        # Others may wait for it, too.
        return await asyncio.shield(self._reading.get(text) or self._begin(text))

    async def introspect(self, operation: Operation, variables: VariableValues) -> bytes | None:
        """Answer an operation that asks about nothing but the schema; None where that makes errors. Raises TooBusy."""
        if self._waiting >= MAX_WAITING:
            raise TooBusy
        document = DocumentNode(definitions=(operation.node, *operation.fragments.values()))
        self._waiting += 1
        try:
            return await self._apart(self._introspect_apart, document, dict(variables.coerced))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread and the process; what still waits is not read."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None
        if self._process is not None:
            self._process.close()
            self._process = None

    def _may_read_inline(self) -> bool:
        """Whether the loop has the time: those whose requests are under way wait for it at each of their steps."""
        return not self._reading and monotonic() - self._read_inline_at > _INLINE_EVERY_S

    def _read(self, text: str) -> Document:
        return Document(self._work.read(text), self._limits, self._slicing_arguments)

    def _read_apart(self, text: str) -> Document:
        """Read from the thread, which waits for the process where there is one."""
        read = (self._process or self._work).read(text)
        return Document(read, self._limits, self._slicing_arguments)

    def _introspect_apart(self, document: DocumentNode, variables: dict[str, Any]) -> bytes | None:
        try:
            return (self._process or self._work).introspect(document, variables)
        except RecursionError:  # too deep to be sent there
            return self._work.introspect(document, variables)

    def _begin(self, text: str) -> asyncio.Future[Document]:
        if len(self._reading) >= MAX_WAITING:
            raise TooBusy
        reading = self._apart(self._read_apart, text)
        self._reading[text] = reading
        reading.add_done_callback(partial(self._finish, text))
        return reading

    def _apart(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Call in the thread."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="documents")
        return asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _finish(self, text: str, reading: asyncio.Future[Document]) -> None:
        del self._reading[text]
        if not reading.cancelled() and reading.exception() is None:
            self._keep(text, reading.result())

    def _keep(self, text: str, document: Document) -> Document:
        if len(text) <= _MAX_TEXT:
            self._kept.keep(text, document)
        return document


def _plain_types(node: OperationDefinitionNode) -> dict[str, type] | None:
    found: dict[str, type] = {}
    for each in node.variable_definitions or ():
        named = each.type.type if isinstance(each.type, NonNullTypeNode) else each.type
        if not isinstance(named, NamedTypeNode) or named.name.value not in _PLAIN:
            return None
        found[each.variable.name.value] = _PLAIN[named.name.value]
    return found


def _hashable(values: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    """Make a key of some variables' values, by what a cost may depend on."""
    return tuple(_sizes(values.get(name, Undefined)) for name in names)


def _sizes(value: Any) -> Any:
    """What a size may be read from: numbers, lists by their length, the fields of an object."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict):
        return tuple((name, _sizes(each)) for name, each in value.items())
    return value if isinstance(value, int) or value is Undefined else None  # null is not absent: no default


class _VariableUses(Visitor):
    """Collects the variables used in directives, and in arguments that size lists."""

    def __init__(self, slicing_arguments: frozenset[str]) -> None:
        super().__init__()
        self._slicing_arguments = slicing_arguments
        self.in_directives: set[str] = set()
        self.in_sizes: set[str] = set()

    def enter_directive(self, node: Any, *_: Any) -> None:
        self.in_directives |= {
            each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)
        }

    def enter_argument(self, node: Any, *_: Any) -> None:
        pending = [node.value] if node.name.value in self._slicing_arguments else []
        while pending:
            value = pending.pop()
            if isinstance(value, VariableNode):
                self.in_sizes.add(value.name.value)
            elif isinstance(value, ObjectValueNode):
                pending += [each.value for each in value.fields]
