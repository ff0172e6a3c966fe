"""The statements that stand for an import: what is left of it, what is imported now, and what is bound by that."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import libcst as cst

from legacy.migrate_imports.old_import import ImportStatement

__all__ = ["Imported", "Replacement", "replace_in_line", "replace_in_suite"]

Imported = tuple[str, str]
"""A module of pacegraph's, or whosever, and a name in it."""

_PRAGMA = re.compile(r"#\s*(noqa|type:|pylint:|isort:|fmt:|ruff:|mypy:|pyright:|nosec)")


@dataclass(slots=True)
class Replacement:
    """What becomes of one statement.

    `moved`: aliases that are imported from elsewhere now, under the names they had; `added`: further names to import,
    each with what it is called here; `code`: statements after the imports; `gone`: aliases that leave nothing else;
    `whole`: modules to import, each with what it is called here.
    """

    statement: ImportStatement
    moved: list[tuple[cst.ImportAlias, Imported, str]] = field(default_factory=list)
    added: list[tuple[Imported, str]] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    gone: list[cst.ImportAlias] = field(default_factory=list)
    whole: list[tuple[str, str]] = field(default_factory=list)

    def imports(self) -> list[cst.BaseSmallStatement]:
        """Make the import statements."""
        away = [*self.gone, *(alias for alias, _, _ in self.moved)]
        old = self.statement
        kept = [alias for alias in _aliases(old) if not any(alias is each for each in away)]
        made: list[cst.BaseSmallStatement] = []
        if kept:
            made.append(_kept(old, kept))
        for module in dict.fromkeys(module for _, (module, _), _ in self.moved):
            group = [(alias, name, bound) for alias, (of, name), bound in self.moved if of == module]
            assert isinstance(old, cst.ImportFrom)
            made.append(_moved(old, module, group, is_first=not made))
        added = dict.fromkeys(module for (module, _), _ in self.added)
        made += [
            _added(module, [(name, bound) for (of, name), bound in self.added if of == module]) for module in added
        ]
        made += [
            cst.Import([cst.ImportAlias(_dotted(module), cst.AsName(cst.Name(bound)))]) for module, bound in self.whole
        ]
        return made


def _aliases(statement: ImportStatement) -> Sequence[cst.ImportAlias]:
    assert not isinstance(statement.names, cst.ImportStar)
    return statement.names


def _kept(old: ImportStatement, kept: list[cst.ImportAlias]) -> cst.BaseSmallStatement:
    if isinstance(old, cst.ImportFrom):
        return _with_names(old, kept, ends=kept[-1] is _aliases(old)[-1])
    last = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return old.with_changes(names=[*kept[:-1], last], semicolon=cst.MaybeSentinel.DEFAULT)


def _moved(
    old: cst.ImportFrom, module: str, group: list[tuple[cst.ImportAlias, str, str]], *, is_first: bool
) -> cst.BaseSmallStatement:
    aliases = [_renamed(alias, name, bound) for alias, name, bound in group]
    made = _with_names(old, aliases, ends=group[-1][0] is _aliases(old)[-1])
    if not is_first and isinstance(made.lpar, cst.LeftParen):
        space = made.lpar.whitespace_after
        if isinstance(space, cst.ParenthesizedWhitespace):
            # The comments there are said once.
            first_line = space.first_line.with_changes(whitespace=cst.SimpleWhitespace(""), comment=None)
            space = space.with_changes(first_line=first_line, empty_lines=[])
            made = made.with_changes(lpar=cst.LeftParen(space))
    return made.with_changes(module=_dotted(module))


def _renamed(alias: cst.ImportAlias, name: str, bound: str) -> cst.ImportAlias:
    if name == bound:
        return alias.with_changes(name=cst.Name(name), asname=None)
    asname = alias.asname or cst.AsName(cst.Name(bound))
    return alias.with_changes(name=cst.Name(name), asname=asname)


def _with_names(old: cst.ImportFrom, aliases: list[cst.ImportAlias], *, ends: bool) -> cst.ImportFrom:
    """Import only `aliases`; `ends`: the last of them was the statement's last, and stands well before its end."""
    rpar, last = old.rpar, aliases[-1]
    if not ends or rpar is None:
        comma = last.comma
        space = comma.whitespace_after if isinstance(comma, cst.Comma) else None
        if rpar is not None and isinstance(comma, cst.Comma) and isinstance(space, cst.ParenthesizedWhitespace):
            last = last.with_changes(
                comma=comma.with_changes(whitespace_after=space.with_changes(last_line=cst.SimpleWhitespace("")))
            )
        else:
            last = last.with_changes(comma=cst.MaybeSentinel.DEFAULT)
        rpar = cst.RightParen() if rpar is not None else None
    return old.with_changes(names=[*aliases[:-1], last], rpar=rpar, semicolon=cst.MaybeSentinel.DEFAULT)


def _added(module: str, names: list[Imported]) -> cst.BaseSmallStatement:
    aliases = [
        cst.ImportAlias(cst.Name(name), None if name == bound else cst.AsName(cst.Name(bound))) for name, bound in names
    ]
    return cst.ImportFrom(_dotted(module), aliases)


def _dotted(module: str) -> cst.Attribute | cst.Name:
    parsed = cst.parse_expression(module)
    assert isinstance(parsed, cst.Attribute | cst.Name)
    return parsed


Parse = Callable[[str], cst.SimpleStatementLine | cst.BaseCompoundStatement]


def replace_in_line(
    line: cst.SimpleStatementLine, old: Sequence[cst.BaseSmallStatement], made: Iterable[Replacement], parse: Parse
) -> list[cst.BaseStatement]:
    """Make the lines that stand for a line of statements, `old` before anything in them was replaced."""
    by_statement = {id(each.statement): each for each in made}
    if len(old) == 1:
        replacement = by_statement[id(old[0])]
        lines: list[cst.BaseStatement] = [cst.SimpleStatementLine([each]) for each in replacement.imports()]
        lines += [_apart(parse(code)) for code in replacement.code]
        return _with_surroundings(lines, line)
    small, after = replace_in_suite(line.body, old, by_statement.values(), parse)
    return [line.with_changes(body=small), *after]


def _apart(statement: cst.SimpleStatementLine | cst.BaseCompoundStatement) -> cst.BaseStatement:
    if isinstance(statement, cst.SimpleStatementLine):
        return statement
    return statement.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * 2)


def replace_in_suite(
    body: Sequence[cst.BaseSmallStatement],
    old: Sequence[cst.BaseSmallStatement],
    made: Iterable[Replacement],
    parse: Parse,
) -> tuple[list[cst.BaseSmallStatement], list[cst.BaseStatement]]:
    """Make the statements that stand for those of one line, and the definitions that need lines of their own."""
    by_statement = {id(each.statement): each for each in made}
    small: list[cst.BaseSmallStatement] = []
    after: list[cst.BaseStatement] = []
    for before, now in zip(old, body, strict=True):
        replacement = by_statement.get(id(before))
        if replacement is None:
            small.append(now)
            continue
        instead = replacement.imports()
        for statement in map(parse, replacement.code):
            if isinstance(statement, cst.SimpleStatementLine):
                instead += statement.body
            else:
                after.append(statement)
        instead[-1] = instead[-1].with_changes(semicolon=now.semicolon)
        small += instead
    return small, after


def _with_surroundings(lines: list[cst.BaseStatement], line: cst.SimpleStatementLine) -> list[cst.BaseStatement]:
    """Give the first line what stood above and behind the old one; what tools read stands behind every import."""
    end = line.trailing_whitespace
    plain = end.with_changes(whitespace=cst.SimpleWhitespace(""), comment=None)
    is_pragma = end.comment is not None and _PRAGMA.match(end.comment.value)
    placed: list[cst.BaseStatement] = []
    for number, each in enumerate(lines):
        if isinstance(each, cst.SimpleStatementLine):
            has_comment = number == 0 or (is_pragma and isinstance(each.body[0], cst.Import | cst.ImportFrom))
            placed.append(each.with_changes(trailing_whitespace=end if has_comment else plain))
        else:
            placed.append(each)
    placed[0] = placed[0].with_changes(leading_lines=line.leading_lines)
    return placed
