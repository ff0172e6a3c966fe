"""The rewriting of one module: what it imports of the older service, and how it uses it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper

from legacy.migrate_imports.files import Unreadable
from legacy.migrate_imports.names import Names
from legacy.migrate_imports.own_modules import OwnModules
from legacy.migrate_imports.plan import Plan
from legacy.migrate_imports.remark import Remark
from legacy.migrate_imports.settings_use import Change
from legacy.migrate_imports.statements import Replacement, replace_in_line, replace_in_suite

__all__ = ["rewrite"]

_MAY_BE_OLD = re.compile(rb"\b(database|core)\b")
_MAY_BE_SETTING = re.compile(rb"\.\s*[A-Z][A-Z_]+\b")


def rewrite(
    data: bytes, file: Path, own: OwnModules, exported: set[str], *, reads_settings: bool = False
) -> tuple[bytes, list[Remark]]:
    """Give the module's bytes as they should be, and what is to be said about it. Raises Unreadable.

    `exported` are names that other modules import from this one. `reads_settings`: some module of the application reads
    the settings, so that this one may get them from there.
    """
    module = _parse(data)
    if not (_MAY_BE_OLD.search(data) or (reads_settings and _MAY_BE_SETTING.search(data))):
        return data, []
    names = Names(MetadataWrapper(module))
    plan = Plan(names, own, exported, reads_settings=reads_settings)
    remarks = [Remark(file, names.line(node), text, is_left) for node, text, is_left in plan.remarks]
    remarks.sort(key=lambda remark: remark.line)
    if not plan.replacements and not plan.changes:
        return data, remarks
    if module.bytes != data:
        raise Unreadable("cannot be rewritten without other changes: it has form feeds or lone carriage returns")
    changed = names.module.visit(_Rewriting(plan.replacements, plan.changes, names.module))
    return changed.bytes, remarks


def _parse(data: bytes) -> cst.Module:
    try:
        return cst.parse_module(data)
    except cst.ParserSyntaxError as error:
        raise Unreadable(f"is not Python as this Python reads it: {error.message}", error.raw_line) from error
    except (UnicodeDecodeError, LookupError, SyntaxError) as error:
        raise Unreadable(f"its encoding cannot be read: {error}") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply to be read") from error


class _Rewriting(cst.CSTTransformer):
    """Puts the replacements in place of statements, and makes the changes to expressions."""

    def __init__(self, replacements: list[Replacement], changes: dict[cst.CSTNode, Change], module: cst.Module) -> None:
        super().__init__()
        self._replacements = {id(each.statement): each for each in replacements}
        self._changes = changes
        self._module = module

    def on_leave(self, original_node: cst.CSTNode, updated_node: Any) -> Any:
        updated: Any = super().on_leave(original_node, updated_node)
        change = self._changes.get(original_node)
        return updated if change is None else change(updated)

    def leave_SimpleStatementLine(  # noqa: N802 - libcst's name
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        made = self._of(original_node.body)
        if not made:
            return updated_node
        return cst.FlattenSentinel(replace_in_line(updated_node, original_node.body, made, self._statement))

    def leave_SimpleStatementSuite(  # noqa: N802 - libcst's name
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        made = self._of(original_node.body)
        small, _ = replace_in_suite(updated_node.body, original_node.body, made, self._statement)
        return updated_node.with_changes(body=small)

    def _of(self, statements: Sequence[cst.BaseSmallStatement]) -> list[Replacement]:
        return [self._replacements[id(each)] for each in statements if id(each) in self._replacements]

    def _statement(self, code: str) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
        return cst.parse_statement(code, config=self._module.config_for_parsing)
