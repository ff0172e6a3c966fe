"""The statements that replace one import of the older service's names.

`libcst.codemod` writes further imports and takes modules out of `import a, b`. It runs on the one
statement, not on the file: AddImportsVisitor writes at the top of a file, but an import inside a
function has to stay there.

RenameCommand is of no use here: it renames the uses, where an alias has to keep the old name.
One case is edited by hand, because codemod would lose comments and aliases: the names of a
`from … import (…)` that move to another module (`_with_names`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor, ImportItem, RemoveImportsVisitor

from legacy.migrate_imports.old_import import ImportStatement

Imported = tuple[str, str]
"""A module and a name in it."""

_PRAGMA = re.compile(r"#\s*(noqa|type:|pylint:|isort:|fmt:|ruff:|mypy:|pyright:|nosec)")


@dataclass(slots=True)
class Replacement:
    """What replaces one statement."""

    statement: ImportStatement
    moved: list[tuple[cst.ImportAlias, Imported, str]] = field(default_factory=list)
    """Aliases to import from elsewhere, each with the name that it has in this file."""
    added: list[tuple[Imported, str]] = field(default_factory=list)
    """Further names to import, each with the name that it gets in this file."""
    code: list[str] = field(default_factory=list)
    """Statements that follow the imports."""
    gone: list[cst.ImportAlias] = field(default_factory=list)
    """Aliases to remove."""
    whole: list[tuple[str, str]] = field(default_factory=list)
    """Modules to import, each with the name that it gets in this file."""

    def small_statements(self) -> list[cst.BaseSmallStatement]:
        """Write the imports, and those statements of `code` that fit on one line."""
        lines = (each for each in self._parsed() if isinstance(each, cst.SimpleStatementLine))
        return [*self._kept(), *self._moved(), *self._added(), *_small_statements(lines)]

    def definitions(self) -> list[cst.BaseCompoundStatement]:
        """Write those statements of `code` that need lines of their own, two empty lines above."""
        return [
            each.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * 2)
            for each in self._parsed()
            if isinstance(each, cst.BaseCompoundStatement)
        ]

    def _parsed(self) -> Iterator[cst.SimpleStatementLine | cst.BaseCompoundStatement]:
        return map(cst.parse_statement, dict.fromkeys(self.code))

    def _kept(self) -> list[cst.BaseSmallStatement]:
        """Write what is left of the statement."""
        away = [*self.gone, *(alias for alias, _, _ in self.moved)]
        if isinstance(self.statement, cst.Import):
            return _without_modules(self.statement, away)
        kept = [each for each in _aliases(self.statement) if not any(each is gone for gone in away)]
        if not kept:
            return []
        return [_with_names(self.statement, kept, ends=kept[-1] is _last(self.statement))]

    def _moved(self) -> Iterator[cst.BaseSmallStatement]:
        is_first = len(self.moved) + len(self.gone) == len(_aliases(self.statement))
        for module in dict.fromkeys(module for _, (module, _), _ in self.moved):
            assert isinstance(self.statement, cst.ImportFrom)
            group = [each for each in self.moved if each[1][0] == module]
            aliases = [_renamed(alias, name, bound) for alias, (_, name), bound in group]
            ends = group[-1][0] is _last(self.statement)
            made = _with_names(self.statement, aliases, ends=ends)
            # Comments behind the opening parenthesis are written once.
            yield (made if is_first else _without_first_comment(made)).with_changes(
                module=cst.parse_expression(module)
            )
            is_first = False

    def _added(self) -> list[cst.BaseSmallStatement]:
        added = dict.fromkeys(self.added)
        same = [ImportItem(module, name) for (module, name), bound in added if name == bound]
        renamed = [
            ImportItem(module, name, bound) for (module, name), bound in added if name != bound
        ]
        whole = [[ImportItem(module, None, bound)] for module, bound in self.whole]
        # In turn: the visitor cannot sort a name that has an alias and has none, and it knows one
        # alias per module.
        written = cst.Module([])
        for items in (same, renamed, *whole):
            visitor = AddImportsVisitor(CodemodContext(), items)
            written = visitor.transform_module(written)
        return _small_statements(written.body)


def _small_statements(
    lines: Iterable[cst.SimpleStatementLine | cst.BaseCompoundStatement],
) -> list[cst.BaseSmallStatement]:
    return [
        small for line in lines if isinstance(line, cst.SimpleStatementLine) for small in line.body
    ]


def _aliases(statement: ImportStatement) -> Sequence[cst.ImportAlias]:
    assert not isinstance(statement.names, cst.ImportStar)
    return statement.names


def _last(statement: ImportStatement) -> cst.ImportAlias:
    return _aliases(statement)[-1]


def _without_modules(
    statement: cst.Import, gone: Iterable[cst.ImportAlias]
) -> list[cst.BaseSmallStatement]:
    statement = statement.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    module = cst.Module([cst.SimpleStatementLine([statement])])
    for alias in gone:  # one at a time: the visitor knows one alias per module
        unused = (alias.evaluated_name, None, alias.evaluated_alias)
        module = RemoveImportsVisitor(CodemodContext(), [unused]).transform_module(module)
    return _small_statements(module.body)


def _without_first_comment(statement: cst.ImportFrom) -> cst.ImportFrom:
    space = statement.lpar and statement.lpar.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return statement
    bare = space.first_line.with_changes(whitespace=cst.SimpleWhitespace(""), comment=None)
    space = space.with_changes(first_line=bare, empty_lines=[])
    return statement.with_changes(lpar=cst.LeftParen(space))


def _renamed(alias: cst.ImportAlias, name: str, bound: str) -> cst.ImportAlias:
    if name == bound:
        return alias.with_changes(name=cst.Name(name), asname=None)
    asname = alias.asname or cst.AsName(cst.Name(bound))
    return alias.with_changes(name=cst.Name(name), asname=asname)


def _with_names(
    old: cst.ImportFrom, aliases: Sequence[cst.ImportAlias], *, ends: bool
) -> cst.ImportFrom:
    """Import only `aliases`, with the comments of each. `ends`: the last of them was the last."""
    rpar, last = old.rpar, aliases[-1]
    if not ends or rpar is None:
        comma = last.comma if rpar is not None else None
        space = comma.whitespace_after if isinstance(comma, cst.Comma) else None
        if isinstance(comma, cst.Comma) and isinstance(space, cst.ParenthesizedWhitespace):
            space = space.with_changes(last_line=cst.SimpleWhitespace(""))
            last = last.with_changes(comma=comma.with_changes(whitespace_after=space))
        else:
            last = last.with_changes(comma=cst.MaybeSentinel.DEFAULT)
        rpar = cst.RightParen() if rpar is not None else None
    return old.with_changes(
        names=[*aliases[:-1], last], rpar=rpar, semicolon=cst.MaybeSentinel.DEFAULT
    )


def split(line: cst.SimpleStatementLine) -> Iterator[cst.SimpleStatementLine]:
    """Put each statement on a line of its own; the first keeps the comments above and behind.

    A comment that tools read, such as `noqa`, is written behind every import.
    """
    end = line.trailing_whitespace
    is_pragma = end.comment is not None and _PRAGMA.match(end.comment.value)
    plain = end.with_changes(whitespace=cst.SimpleWhitespace(""), comment=None)
    for number, each in enumerate(line.body):
        has_comment = number == 0 or (is_pragma and isinstance(each, cst.Import | cst.ImportFrom))
        yield cst.SimpleStatementLine(
            [each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)],
            leading_lines=line.leading_lines if number == 0 else (),
            trailing_whitespace=end if has_comment else plain,
        )
