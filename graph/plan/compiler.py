"""Compiles a tree of selected fields to one statement, from the declarations of the fields.

`db/statements/json_sql.py` has the other half: the text of the statement's parts.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import literal_column

from db.statements import json_sql
from db.statements.json_sql import KeptValue, Literal, Part, Sql, Value
from db.statements.json_statement import RootColumns, spread
from db.statements.listed_row import LEAST_ROWS, LEAST_VALUES, ListedRow
from db.statements.visibility import VIEWER, VIEWER_ACCOUNT, Audience, Expression
from graph.mapping.relation import NO_ARGUMENTS, Arguments, Lookup, Paged
from graph.mapping.row_type import ROW_TYPES, Column, Embedded, RowType, source_of
from graph.mapping.streams import StreamsLookup
from graph.pagination import PageArguments, cursor_columns, order_name
from graph.plan.forms import form_of, form_of_field, is_non_null
from graph.plan.row_templates import LevelColumns, lookup_rows, page_count, page_rows
from graph.plan.rows_json import RowsWriter
from graph.plan.selection import NotPlanned, SelectedField, declared
from graph.plan.streams_json import Drawing
from graph.types.node_lookup import rows_of_type


@dataclass(eq=False)
class Level:
    """The rows of one node of the tree: their alias, and the columns that are needed."""

    number: int
    columns: dict[str, Expression] = field(default_factory=dict)
    kept: ListedRow | None = None
    """What is kept of its rows, where a list of them is written from that."""

    @property
    def alias(self) -> str:
        return f"r{self.number}"

    def take(self, label: str, expression: Expression) -> Sql:
        """Select a column. Returns a reference to it, for this level or the one below."""
        self.columns[label] = expression
        return json_sql.reference(self.alias, label)


class Compiler:
    """Compiles for one audience and one shape of arguments.

    `arguments` are those of one request. Only their shapes enter the statement, except for
    `constant` ones, which the document alone decides: their page size does. PostgreSQL assumes that
    a limit given as a parameter returns a tenth of the table, and plans again each time, as it should
    where filters tell the best index. `slots` has the field of a level's parameters; `exact_levels`
    read no row beyond their page. `drawings` write the streams' JSON, `writers` that of kept rows.
    """

    def __init__(
        self,
        audience: Audience,
        arguments: Mapping[SelectedField, Any],
        constant: AbstractSet[SelectedField],
    ) -> None:
        self._audience = audience
        self._constant = constant
        self.arguments = arguments
        self._levels = 0
        self.slots: dict[int, SelectedField] = {}
        self.exact_levels: set[int] = set()
        self.drawings: list[Drawing] = []
        self.writers: list[RowsWriter] = []
        self._in_kept_rows = self.has_long_texts = False

    def row(self, selected: SelectedField, type_name: str) -> RootColumns:
        """Compile a root field of one row, found by the parameter `key` of its level."""
        level = self._level(selected)
        key = json_sql.parameter(level.number, "key", "bigint")
        return RootColumns([self._row(level, selected, type_name, key)])

    def nodes(self, selected: SelectedField) -> RootColumns:
        """Compile a root field of the rows of several ids, by the parameters `kinds` and `keys`.

        The statement does not depend on the ids' types: otherwise each list of types would have its
        own.
        """
        ids = self._level(selected).number
        rows = [
            self._row(self._level(selected), selected, name, json_sql.key_of_entry(ids))
            for name in selected.below
        ]
        return RootColumns(json_sql.by_keys(ids, rows))

    def _row(self, level: Level, selected: SelectedField, type_name: str, key: Sql) -> Value:
        parts = self._object(level, ROW_TYPES[type_name], selected.below[type_name])
        template = lookup_rows(
            rows_of_type(type_name), LevelColumns.from_columns(level.columns), None, self._audience
        )
        return json_sql.one(template.at(level.number, key), level.alias, parts, nullable=True)

    def viewer(self, selected: SelectedField) -> RootColumns:
        """Compile a signed-in caller. The parameter `scopes` of its level is their JSON."""
        level = self._level(selected)
        members: list[tuple[str, Sequence[Part]]] = []
        (fields,) = selected.below.values()
        for each in fields:
            parts: Sequence[Part]
            if each.definition is None:
                parts = [Literal(f'"{each.parent.name}"')]
            elif isinstance(source := source_of(declared(each)), Lookup):
                signed_in = {VIEWER: VIEWER.key, VIEWER_ACCOUNT: VIEWER_ACCOUNT.key}[source.key]  # type: ignore[index]
                parts = [self._lookup(each, source, json_sql.shared_parameter(signed_in, "bigint"))]
            elif each.name == "id":
                account = json_sql.shared_parameter(VIEWER_ACCOUNT.key, "bigint")
                parts = json_sql.global_id("Viewer", account)
            else:
                parts = [Value(json_sql.parameter(level.number, "scopes", "text"))]
            members.append((each.response_name, parts))
        return RootColumns(json_sql.object_(members))

    def page(self, selected: SelectedField, relation: Paged) -> RootColumns:
        """Compile a root field that is a connection of all rows."""
        parts, level, rows = self._paged(selected, relation, None)
        return spread(rows, level.alias, parts) if rows else RootColumns(parts)

    def paged(self, selected: SelectedField, relation: Paged, key: Sql) -> Value:
        """Compile a connection of the rows of the parent that `key` names."""
        parts, level, rows = self._paged(selected, relation, key)
        return json_sql.some(rows, level.alias, parts) if rows else Value(json_sql.joined(parts))

    def _paged(
        self, selected: SelectedField, relation: Paged, key: Sql | None
    ) -> tuple[list[Part], Level, Sql | None]:
        """Compile a connection's members, and its rows if any of them reads some."""
        level = self._level(selected)
        page = _PageParts(self, selected, level, relation)
        parts = json_sql.object_(
            [(each.response_name, page.member(each, key)) for each in page.fields]
        )
        if not page.reads_rows:
            return parts, level, None
        if not page.reads_one_more:
            self.exact_levels.add(level.number)
        columns, shape = LevelColumns.from_columns(level.columns), page.arguments.shape
        template = page_rows(relation, columns, shape, self._audience, has_parent=key is not None)
        rows = template.at(level.number, key)
        if selected in self._constant and (key or shape.filters <= relation.collection.steady):
            limit = page.arguments.size + page.reads_one_more
            rows = json_sql.with_constant(
                rows, json_sql.parameter_name(level.number, "row_limit"), limit
            )
        return (
            parts,
            level,
            json_sql.numbered(rows, level.alias) if page.is_numbered else rows,
        )

    def _lookup(self, selected: SelectedField, relation: Lookup, *of: Sql) -> Value:
        arguments: Arguments = self.arguments.get(selected, NO_ARGUMENTS)
        level = self._level(selected)
        parts = self._object(level, relation.row_type, selected.below[relation.target])
        columns, shape = LevelColumns.from_columns(level.columns), arguments.shape
        rows = lookup_rows(relation, columns, shape, self._audience).at(level.number, *of)
        if relation.many:
            return json_sql.many(rows, level.alias, parts)
        return json_sql.one(rows, level.alias, parts, nullable=not is_non_null(selected))

    def _drawn(self, selected: SelectedField, relation: StreamsLookup, *of: Sql) -> Value:
        level, drawing = self._level(selected), Drawing.from_field(selected)
        self.drawings.append(drawing)
        labels = drawing.labels
        columns = LevelColumns.from_columns({each: literal_column(each) for each in labels})
        shape = self.arguments[selected].shape
        rows = lookup_rows(relation, columns, shape, self._audience).at(level.number, *of)
        return json_sql.drawn(rows, level.alias, len(self.drawings) - 1, labels)

    def keep_rows(
        self, level: Level, row_type: RowType, connection: SelectedField, nodes: list[SelectedField]
    ) -> None:
        """Have a connection's lists written from what is kept of its rows, if that pays for one.

        Lists in them are written one value after the other: the outer list's values contain theirs.
        """
        is_short = connection in self._constant and self.arguments[connection].size < LEAST_ROWS
        kept = None if self._in_kept_rows or is_short else ListedRow.of(row_type.model)
        shown = [each.below[row_type.cls.__name__] for each in nodes]
        if kept and any(self._kept_values(row_type, each, kept) >= LEAST_VALUES for each in shown):
            level.kept = kept

    def listed_object(
        self, level: Level, row_type: RowType, fields: Sequence[SelectedField]
    ) -> list[Part]:
        """Compile an object of a level's rows in a list."""
        was_in, self._in_kept_rows = self._in_kept_rows, self._in_kept_rows or bool(level.kept)
        try:
            return self._object(level, row_type, fields)
        finally:
            self._in_kept_rows = was_in

    def _kept_values(
        self, row_type: RowType, fields: Sequence[SelectedField], kept: ListedRow
    ) -> int:
        """Count the selected values that are kept."""
        sources = [source_of(declared(each)) for each in fields if each.definition is not None]
        columns = [
            each.select(row_type.model, self._audience)
            for each in sources
            if isinstance(each, Column)
        ]
        return sum(kept.place(row_type.model, each) is not None for each in columns)

    def listed(
        self, level: Level, parts: Sequence[Part], *, order_by: Sql, where: Sql
    ) -> list[Part]:
        """Compile a list of a level's rows, inside an aggregate."""
        if level.kept is None or not any(isinstance(each, KeptValue) for each in parts):
            return json_sql.listed(parts, order_by=order_by, where=where)
        self.writers.append(RowsWriter.from_parts(parts, level.kept.size))
        return json_sql.kept_rows(
            len(self.writers) - 1,
            level.take("listed_json", level.kept.kept),
            [each for each in parts if isinstance(each, Value)],
            order_by=order_by,
            where=where,
        )

    def count(
        self, connection: SelectedField, relation: Paged, arguments: PageArguments, key: Sql | None
    ) -> Value:
        """Compile the length of a connection's whole list."""
        level = self._level(connection)
        filters = frozenset(name for name, _ in arguments.filters)
        template = page_count(relation, filters, self._audience, has_parent=key is not None)
        return Value(f"({template.at(level.number, key)})")

    def _object(
        self, level: Level, row_type: RowType, fields: Sequence[SelectedField], prefix: str = ""
    ) -> list[Part]:
        members = [
            (each.response_name, self._member(level, row_type, each, prefix)) for each in fields
        ]
        return json_sql.object_(members)

    def _member(
        self, level: Level, row_type: RowType, selected: SelectedField, prefix: str
    ) -> Sequence[Part]:
        if selected.definition is None:
            return [Literal(f'"{selected.parent.name}"')]
        made = declared(selected)
        source, label = source_of(made), prefix + made.python_name
        match source:
            case StreamsLookup():
                return [self._drawn(selected, source, *self._keys(level, row_type, source))]
            case Column():
                return self._value(level, row_type, selected, source, label)
            case Embedded():
                return self._embedded(level, row_type, selected, source, label)
            case Lookup():
                return [self._lookup(selected, source, *self._keys(level, row_type, source))]
            case Paged():
                return [self.paged(selected, source, self._key(level, row_type, source))]
        raise NotPlanned("custom resolver")

    def _value(
        self, level: Level, row_type: RowType, selected: SelectedField, source: Column, label: str
    ) -> Sequence[Part]:
        expression = source.select(row_type.model, self._audience)
        self.has_long_texts |= source.is_long
        if level.kept is not None and label == declared(selected).python_name:
            place = level.kept.place(row_type.model, expression)
            if place is not None:
                return [KeptValue(place)]
        reference = level.take(label, expression)
        if source.id_of is not None:
            return json_sql.global_id(source.id_of, reference)
        return json_sql.value(
            form_of_field(selected, source), reference, nullable=not is_non_null(selected)
        )

    def _embedded(
        self, level: Level, row_type: RowType, selected: SelectedField, source: Embedded, label: str
    ) -> Sequence[Part]:
        (fields,) = selected.below.values()
        parts = self._object(level, row_type, fields, label + "__")
        if source.present is None:
            return parts
        present = source.present.select(row_type.model, self._audience)
        return [json_sql.if_present(level.take(label + "__present", present), parts)]

    def _key(self, level: Level, row_type: RowType, relation: Lookup | Paged) -> Sql:
        return level.take(relation.key_label, relation.select_key(row_type.model, self._audience))

    def _keys(self, level: Level, row_type: RowType, relation: Lookup) -> Sequence[Sql]:
        """Take the key, and the athlete beside it where the relation names one."""
        key, athlete = self._key(level, row_type, relation), relation.athlete
        return [key] if athlete is None else [key, level.take(f"key_{athlete.key}", athlete)]

    def _level(self, selected: SelectedField) -> Level:
        self._levels += 1
        self.slots[self._levels] = selected
        return Level(self._levels)


class _PageParts:
    """The members of one connection, and what they need of its rows.

    Rows are numbered only for cursors of the page's ends and for the reverse order. One row more
    than the page holds is read only for `hasNextPage` or `hasPreviousPage`.
    """

    def __init__(
        self, compiler: Compiler, connection: SelectedField, level: Level, relation: Paged
    ) -> None:
        self._compiler, self._connection, self._level, self._relation = (
            compiler,
            connection,
            level,
            relation,
        )
        self.arguments: PageArguments = compiler.arguments[connection]
        (self.fields,) = connection.below.values()
        asked = {
            each.name
            for page_info in self._members("pageInfo")
            for each in page_info.below["PageInfo"]
        }
        more = "hasPreviousPage" if self.arguments.backward else "hasNextPage"
        self.reads_one_more = more in asked
        self.is_numbered = (
            self.reads_one_more
            or self.arguments.backward
            or bool(asked & {"startCursor", "endCursor"})
        )
        self.reads_rows = any(self._members(name) for name in ("nodes", "edges", "pageInfo"))
        in_edges = [fields for edge in self._members("edges") for fields in edge.below.values()]
        nodes = [each for fields in in_edges for each in fields if each.name == "node"]
        nodes += self._members("nodes")
        compiler.keep_rows(level, ROW_TYPES[relation.target], connection, nodes)

    def _members(self, name: str) -> list[SelectedField]:
        return [each for each in self.fields if each.definition is not None and each.name == name]

    def member(self, selected: SelectedField, key: Sql | None) -> Sequence[Part]:
        """Compile a field of the connection."""
        if selected.definition is None:
            return [Literal(f'"{selected.parent.name}"')]
        if selected.name == "totalCount":
            return [self._compiler.count(self._connection, self._relation, self.arguments, key)]
        if selected.name == "nodes":
            return self._listed(self._node(selected))
        (fields,) = selected.below.values()
        if selected.name == "edges":
            return self._listed(
                json_sql.object_([(each.response_name, self._edge(each)) for each in fields])
            )
        return json_sql.object_([(each.response_name, [self._info(each)]) for each in fields])

    def _edge(self, selected: SelectedField) -> Sequence[Part]:
        if selected.definition is None:
            return [Literal(f'"{selected.parent.name}"')]
        return self._cursor() if selected.name == "cursor" else self._node(selected)

    def _node(self, selected: SelectedField) -> list[Part]:
        target = self._relation.target
        return self._compiler.listed_object(self._level, ROW_TYPES[target], selected.below[target])

    def _info(self, selected: SelectedField) -> Part:
        if selected.definition is None:
            return Literal(f'"{selected.parent.name}"')
        backward = self.arguments.backward
        if selected.name in {"hasNextPage", "hasPreviousPage"}:
            if (selected.name == "hasNextPage") is not backward:
                return Value(f"(count(*)>{self._size})::text")
            mark = self.arguments.before if backward else self.arguments.after
            return Literal("true" if mark is not None else "false")
        is_first_row = (selected.name == "startCursor") is not backward
        position = "1" if is_first_row else f"least(count(*),{self._size})"
        cursors = f"array_agg({json_sql.joined(self._cursor())} ORDER BY row_number)"
        return Value(f"coalesce(({cursors})[{position}],'null')")

    def _cursor(self) -> list[Part]:
        ordering = self.arguments.ordering
        values = [
            (form_of(column), self._level.take(label, column))
            for label, column in cursor_columns(ordering).items()
        ]
        return json_sql.cursor(order_name(ordering), values)

    def _listed(self, parts: Sequence[Part]) -> list[Part]:
        return self._compiler.listed(
            self._level,
            parts,
            order_by="row_number DESC" if self.arguments.backward else "",
            where=f"row_number<={self._size}" if self.reads_one_more else "",
        )

    @property
    def _size(self) -> str:
        return json_sql.parameter(self._level.number, "page_size", "int")
