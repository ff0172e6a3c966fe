"""The plan for one module: which statements and expressions change, and what is left by hand."""

import re
from collections import defaultdict
from collections.abc import Sequence

import libcst as cst

from legacy.migrate_imports.names import Names, Reference
from legacy.migrate_imports.old_import import ImportStatement, OldImport, old_imports
from legacy.migrate_imports.own_modules import OwnModules
from legacy.migrate_imports.settings_use import Change, SettingsUses, called, remedy_of
from legacy.migrate_imports.statements import Imported, Replacement
from legacy.old_names import OLD_MODULES, Successor

_DEPENDED_ON = "get_db_sync under Depends"
"""`get_db_sync` as a dependency of FastAPI, which has another successor than its calls."""
_AS_DEPENDENCY = Successor((("db.session", "get_db_sync"),))


class RewritePlan:
    """Replacements of statements, changes of expressions, and remarks (node, text, is left)."""

    def __init__(
        self, names: Names, own: OwnModules, exported: set[str], *, reads_settings: bool
    ) -> None:
        """`exported` are names that other modules import from this one, so it must keep them."""
        self._names, self._own, self._exported, self._reads_settings = (
            names,
            own,
            exported,
            reads_settings,
        )
        self.remarks: list[tuple[cst.CSTNode, str, bool]] = []
        self.changes: dict[cst.CSTNode, Change] = {}
        self._replacements: dict[int, Replacement] = {}
        self._done: list[OldImport] = []
        self._locals: dict[tuple[str, str], str] = {}
        self._plan()

    @property
    def replacements(self) -> list[Replacement]:
        """The replacements in order. At the top of the module, each name is imported only once."""
        made = sorted(
            self._replacements.values(), key=lambda each: self._names.line(each.statement)
        )
        imported: set[tuple[Imported, str]] = set()
        bound: set[str] = set()
        for each in made:
            if self._is_at_top(each.statement):
                each.added = [added for added in each.added if added not in imported]
                each.code = [code for code in each.code if code not in bound]
                imported |= set(each.added)
                bound |= set(each.code)
        return made

    def _is_at_top(self, statement: ImportStatement) -> bool:
        """Whether a statement stands alone on a line at the top level of the module."""
        line = self._names.parents[statement]
        return (
            isinstance(line, cst.SimpleStatementLine)
            and len(line.body) == 1
            and self._names.parents[line] is self._names.module
        )

    def _plan(self) -> None:
        found = [
            old
            for node in self._names.nodes()
            if isinstance(node, cst.Import | cst.ImportFrom)
            for old in old_imports(node)
            if self._is_old(old)
        ]
        for old in found:
            if old.name == "*":
                self._leave_star(old)
            elif old.name is not None:
                self._plan_name(old)
        for module in OLD_MODULES:
            self._plan_module(
                module, [old for old in found if old.module == module and old.name is None]
            )
        of_settings = [old for old in found if old.module == "core.config"]
        if all(any(old is each for each in self._done) for old in of_settings):
            if of_settings:
                self._follow_settings()
            if self._reads_settings:
                self._look_at_what_may_be_settings()
        self._look_at_strings()

    def _leave(self, node: cst.CSTNode, text: str) -> None:
        self.remarks.append((node, text, True))

    def _is_old(self, old: OldImport) -> bool:
        own = self._own.in_place_of_old(old.module)
        if own is not None:
            self.remarks.append(
                (
                    old.statement,
                    f"{old.module} is the application's own module ({own}): left as it is",
                    False,
                )
            )
        return own is None

    def _leave_star(self, old: OldImport) -> None:
        used = {
            reference.value
            for reference in self._names.references
            if isinstance(reference, cst.Name)
        }
        names = [name for name in OLD_MODULES[old.module] if name in used]
        instead = "; ".join(OLD_MODULES[old.module][name].instead(name) for name in names)
        remedy = (
            f"here it seems to be: {instead}"
            if names
            else "none of its names is used here: delete the line"
        )
        self._leave(
            old.statement, f"from {old.module} import *: import by name what is used; {remedy}"
        )

    def _successor(self, node: cst.CSTNode, module: str, name: str) -> Successor | None:
        """Find the successor of an old name; None, with a remark, if there is none to write."""
        successor = OLD_MODULES[module].get(name)
        if successor is None:
            self._leave(node, f"{module}.{name}: not a known name of the older service")
        elif not successor.imports:
            self._leave(node, f"{module}.{name}: needs {successor.remedy}")
        else:
            for target, _ in successor.imports:
                if (own := self._own.in_place_of_new(target)) is not None:
                    self._leave(
                        node,
                        f"{module}.{name} is now in pacegraph's {target}, which {own} hides: "
                        "rename that first",
                    )
                    return None
            return successor
        return None

    # --- from database import name

    def _plan_name(self, old: OldImport) -> None:
        assert old.name is not None
        assert old.alias is not None
        successor = self._successor(old.statement, old.module, old.name)
        if successor is None or not self._has_room(old.statement, successor):
            return
        if old.module == "core.config" and old.bound in self._exported:
            self._leave(
                old.statement,
                f"other modules import {old.bound} from here: write its new names there too",
            )
        replacement = self._replacement(old)
        depending, others = (
            self._uses_of_get_db_sync(old) if old.name == "get_db_sync" else ([], [])
        )
        if depending and not others:
            successor = _AS_DEPENDENCY
        if successor.code:
            replacement.gone.append(old.alias)
            uses = [each for each in self._uses(old) if isinstance(each, cst.Name)]
            if not self._called_instead(replacement, successor, uses, old.bound):
                self._bind(replacement, successor, old.bound)
        else:
            replacement.moved.append((old.alias, successor.imports[0], old.bound))
        if depending and others:
            alias = self._local(old.module, _DEPENDED_ON, "request_session")
            replacement.added.append((_AS_DEPENDENCY.imports[0], alias))
            for reference in depending:
                self.changes[reference] = _to_name(alias)

    def _uses_of_get_db_sync(self, old: OldImport) -> tuple[list[Reference], list[Reference]]:
        uses = self._uses(old)
        depending: list[Reference] = [each for each in uses if self._is_depended_on(each)]
        return depending, [each for each in uses if not self._is_depended_on(each)]

    def _uses(self, old: OldImport) -> list[cst.Name]:
        meaning = f"{old.module}.{old.name}"
        names = [each for each in self._names.references if isinstance(each, cst.Name)]
        return [each for each in names if meaning in self._names.imported(each)]

    def _called_instead(
        self, replacement: Replacement, successor: Successor, uses: Sequence[Reference], bound: str
    ) -> bool:
        """Replace the calls if the name is only called: then the old name need not be defined."""
        calls = [self._names.parents[use] for use in uses]
        is_plain = [
            isinstance(each, cst.Call) and each.func is use
            for each, use in zip(calls, uses, strict=True)
        ]
        if not successor.call or bound in self._exported or not all(is_plain) or not uses:
            return False
        if any(isinstance(each, cst.Call) and each.args for each in calls):
            return False
        code = self._with_imports(replacement, successor, successor.call)
        for call in calls:
            self.changes[call] = lambda _: cst.parse_expression(code)
        return True

    def _is_depended_on(self, node: cst.CSTNode) -> bool:
        argument = self._names.parents[node]
        call = self._names.parents.get(argument)
        return (
            isinstance(argument, cst.Arg)
            and isinstance(call, cst.Call)
            and called(call) in {"Depends", "Security"}
        )

    def _has_room(self, statement: ImportStatement, successor: Successor) -> bool:
        has_room = not successor.code.startswith("def ") or not isinstance(
            self._names.parents[statement], cst.SimpleStatementSuite
        )
        if not has_room:
            self._leave(statement, "put the import on a line of its own, and run this again")
        return has_room

    def _replacement(self, old: OldImport) -> Replacement:
        self._done.append(old)
        return self._replacements.setdefault(id(old.statement), Replacement(old.statement))

    def _bind(self, replacement: Replacement, successor: Successor, bound: str) -> None:
        """Import what the successor's code needs, and add the code that binds the old name."""
        code = self._with_imports(replacement, successor, successor.code)
        replacement.code.append(code.format(alias=bound))

    def _with_imports(self, replacement: Replacement, successor: Successor, code: str) -> str:
        """Import what `code` needs. Returns the code with the names that the imports get here."""
        for module, name in successor.imports:
            local = self._local_import(module, name)
            code = re.sub(rf"\b{name}\b(?=[(.])", local, code)
            if ((module, name), local) not in replacement.added:
                replacement.added.append(((module, name), local))
        return code

    def _local(self, module: str, name: str, wanted: str) -> str:
        """Choose the name in this module for an old name that was an attribute until now."""
        if (module, name) not in self._locals:
            self._locals[module, name] = self._names.free(
                wanted, f"{module.rpartition('.')[2]}_{wanted}"
            )
        return self._locals[module, name]

    def _local_import(self, module: str, name: str) -> str:
        if (module, name) not in self._locals:
            is_free = self._names.meanings(name) <= {f"{module}.{name}"}
            self._locals[module, name] = (
                name if is_free else self._names.free(f"pacegraph_{name}", f"pacegraph_{name}_")
            )
        return self._locals[module, name]

    # --- import database; from core import database

    def _plan_module(self, module: str, imports: list[OldImport]) -> None:
        """Replace the imports of a module and each `module.name`; nothing if one must be left."""
        uses = [each for each in self._names.references if module in self._names.imported(each)]
        if self._own.in_place_of_old(module) is not None:
            return
        meant = [self._meant(use, module, imports) for use in uses]
        if None in meant or not all(
            self._has_room(old.statement, each[1]) for old in imports for each in meant if each
        ):
            return
        by_statement: dict[int, dict[str, Successor]] = defaultdict(dict)
        for use, each in zip(uses, meant, strict=True):
            assert each is not None
            name, successor = each
            wanted = "request_session" if name == _DEPENDED_ON else name
            self.changes[self._names.parents[use]] = _to_name(self._local(module, name, wanted))
            for old in imports:
                if self._names.is_bound_by(use, old.statement):
                    by_statement[id(old.statement)][name] = successor
        for old in imports:
            self._replace_module(old, by_statement[id(old.statement)])

    def _meant(
        self, use: Reference, module: str, imports: list[OldImport]
    ) -> tuple[str, Successor] | None:
        """Find the name that is read from a module here, and its successor.

        None, with a remark, if the use has to be left.
        """
        attribute = self._names.parents[use]
        if not any(self._names.is_bound_by(use, old.statement) for old in imports):
            self._leave(
                use, f"{module} is not imported here by itself: import the needed names from it"
            )
        elif not isinstance(attribute, cst.Attribute) or attribute.value is not use:
            self._leave(use, f"{module} is used as a whole: import the needed names from it")
        elif isinstance(
            self._names.parents[attribute],
            cst.AssignTarget | cst.Del | cst.AugAssign | cst.AnnAssign,
        ):
            self._leave(
                use,
                f"{module}.{attribute.attr.value} is changed here, which has no effect any more",
            )
        elif (successor := self._successor(use, module, attribute.attr.value)) is not None:
            if attribute.attr.value == "get_db_sync" and self._is_depended_on(attribute):
                return _DEPENDED_ON, _AS_DEPENDENCY
            return attribute.attr.value, successor
        return None

    def _replace_module(self, old: OldImport, successors: dict[str, Successor]) -> None:
        replacement = self._replacement(old)
        assert old.alias is not None
        replacement.gone.append(old.alias)
        for name, successor in successors.items():
            local = self._locals[old.module, name]
            if successor.code:
                self._bind(replacement, successor, local)
            else:
                replacement.added.append((successor.imports[0], local))
        if not successors:  # other modules may import the name from here
            first = next(iter(OLD_MODULES[old.module].values()))
            replacement.whole.append((first.imports[0][0], old.bound.rpartition(".")[2]))

    def _follow_settings(self) -> None:
        settings = SettingsUses(self._names)
        self.changes |= settings.changes
        for node, text in settings.remarks:
            self._leave(node, text)

    def _look_at_what_may_be_settings(self) -> None:
        """Leave attributes that may be settings which came here in a way that is not followed."""
        told = {node for node, _, _ in self.remarks}
        for node in self._names.references:
            if not isinstance(node, cst.Attribute) or node in self.changes or node in told:
                continue
            if (remedy := remedy_of(node)) is not None:
                self._leave(node, remedy)

    def _look_at_strings(self) -> None:
        """Leave the old names in strings, such as those for `mock.patch` and `import_module`."""
        by_name = {f"{module}.{name}" for module, names in OLD_MODULES.items() for name in names}
        for node, text in self._names.strings():
            module = text if text in OLD_MODULES else text.rpartition(".")[0]
            is_imported = text in OLD_MODULES and self._is_imported_by_call(node)
            if (text in by_name or is_imported) and self._own.in_place_of_old(module) is None:
                self._leave(node, f'"{text}" is an old name in a string: write the new one')

    def _is_imported_by_call(self, node: cst.CSTNode) -> bool:
        call = self._names.parents.get(self._names.parents[node])
        return isinstance(call, cst.Call) and called(call) in {
            "import_module",
            "__import__",
            "find_spec",
            "reload",
        }


def _to_name(name: str) -> Change:
    def change(updated: cst.CSTNode) -> cst.BaseExpression:
        assert isinstance(updated, cst.Name | cst.Attribute)
        return cst.Name(name, lpar=updated.lpar, rpar=updated.rpar)

    return change
