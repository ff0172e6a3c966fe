"""Rewrites one module: its imports of the older service, and the uses of what they import."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper

from legacy.migrate_imports.files import Unreadable
from legacy.migrate_imports.names import Names
from legacy.migrate_imports.own_modules import OwnModules
from legacy.migrate_imports.plan import RewritePlan
from legacy.migrate_imports.remark import Remark
from legacy.migrate_imports.settings_use import Change
from legacy.migrate_imports.statements import Replacement, split

_MAY_BE_OLD = re.compile(rb"\b(database|core)\b")
_MAY_BE_SETTING = re.compile(rb"\.\s*[A-Z][A-Z_]+\b")


def rewrite(
    data: bytes, file: Path, own: OwnModules, exported: set[str], *, reads_settings: bool = False
) -> tuple[bytes, list[Remark]]:
    """Rewrite a module's bytes, and remark on what is left to do by hand. Raises Unreadable.

    `exported` are the names that other modules import from this one. `reads_settings` says that a
    module of the application reads the settings, so this one may get them from there.
    """
    module = _parse(data)
    if not (_MAY_BE_OLD.search(data) or (reads_settings and _MAY_BE_SETTING.search(data))):
        return data, []
    names = Names(MetadataWrapper(module))
    plan = RewritePlan(names, own, exported, reads_settings=reads_settings)
    remarks = [
        Remark(file, names.line(node), text, is_left) for node, text, is_left in plan.remarks
    ]
    remarks.sort(key=lambda remark: remark.line)
    if not plan.replacements and not plan.changes:
        return data, remarks
    if module.bytes != data:
        raise Unreadable(
            "cannot be rewritten without other changes: it has form feeds or lone carriage returns"
        )
    changed = names.module.visit(_Rewriter(plan.replacements, plan.changes))
    return changed.bytes, remarks


def _parse(data: bytes) -> cst.Module:
    try:
        return cst.parse_module(data)
    except cst.ParserSyntaxError as error:
        raise Unreadable(
            f"is not Python as this Python reads it: {error.message}", error.raw_line
        ) from error
    except (UnicodeDecodeError, LookupError, SyntaxError) as error:
        raise Unreadable(f"its encoding cannot be read: {error}") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply to be read") from error


class _Rewriter(cst.CSTTransformer):
    """Replaces import statements, and changes expressions."""

    def __init__(
        self, replacements: list[Replacement], changes: Mapping[cst.CSTNode, Change]
    ) -> None:
        super().__init__()
        self._replacements: dict[cst.CSTNode, Replacement] = {
            each.statement: each for each in replacements
        }
        self._changes = changes

    def on_leave(self, original_node: cst.CSTNode, updated_node: Any) -> Any:
        updated: Any = super().on_leave(original_node, updated_node)
        if (replacement := self._replacements.get(original_node)) is not None:
            *before, last = replacement.small_statements()
            last = last.with_changes(semicolon=updated.semicolon)
            return cst.FlattenSentinel([*before, last])
        change = self._changes.get(original_node)
        return updated if change is None else change(updated)

    def leave_SimpleStatementLine(  # noqa: N802 - libcst's name
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.BaseStatement]:
        found = [self._replacements.get(each) for each in original_node.body]
        replacements = [each for each in found if each is not None]
        if not replacements:
            return updated_node
        is_alone = len(original_node.body) == 1
        lines = split(updated_node) if is_alone else [updated_node]
        definitions = (each for made in replacements for each in made.definitions())
        return cst.FlattenSentinel([*lines, *definitions])
