"""Rewrites reads of the old settings.

`settings.DATABASE_URL` becomes `settings.database_url.get_secret_value()`.
"""

from collections.abc import Callable
from typing import Any, get_args, get_origin

import libcst as cst
from pydantic import SecretStr

from legacy.migrate_imports.names import Names
from legacy.old_settings import field_of
from settings import Settings

Change = Callable[[cst.CSTNode], cst.BaseExpression]

_ALWAYS_SET = "database_url"
"""The older service did not start without it, so code never checks whether it is set."""


class SettingsUses:
    """The uses in one module: `changes` has a function per node, `remarks` the uses to leave."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._locals = _locals_that_hold_settings(names)
        self.changes: dict[cst.CSTNode, Change] = {}
        self.remarks: list[tuple[cst.CSTNode, str]] = []
        for node in names.references:
            if isinstance(node, cst.Attribute) and self._is_settings(node.value):
                self._look_at(node)
        for call in names.nodes():
            if isinstance(call, cst.Call) and called(call) in {"getattr", "hasattr", "setattr"}:
                self._look_at_string(call)

    def _is_settings(self, node: cst.BaseExpression) -> bool:
        return _is_settings(self._names, node) or bool(_own_names(self._names, node) & self._locals)

    def _look_at_string(self, call: cst.Call) -> None:
        if call.args and self._is_settings(call.args[0].value):
            self._leave(
                call, "names an old setting by a string: write the new name, in small letters"
            )

    def _leave(self, node: cst.CSTNode, remedy: str) -> None:
        self.remarks.append((node, remedy))

    def _look_at(self, node: cst.Attribute) -> None:
        name = node.attr.value
        field = field_of(name)
        if field is not None and isinstance(self._names.parents[node], cst.AssignTarget):
            self._leave(node, "settings cannot be changed: load_settings(name=value) makes others")
        elif field is not None:
            self.changes[node] = self._change(node, field)
        elif name.isupper() or not hasattr(Settings, name):
            self._leave(
                node,
                f"pacegraph has no setting {name}: keep it in a settings class of your own",
            )

    def _change(self, node: cst.Attribute, field: str) -> Change:
        secrecy = _secrecy(field)
        parent = self._names.parents[node]
        is_alone = (
            isinstance(parent, cst.Arg | cst.Assign | cst.AnnAssign | cst.Return) and not node.lpar
        )
        is_asked = self._is_asked_whether_set(node)

        def change(updated: cst.CSTNode) -> cst.BaseExpression:
            renamed = cst.ensure_type(updated, cst.Attribute).with_changes(attr=cst.Name(field))
            if secrecy is tuple:
                return _of_each(renamed)
            if secrecy is None or is_asked:
                return renamed
            return (
                _text(renamed)
                if field == _ALWAYS_SET
                else _text_or_none(renamed, is_alone=is_alone)
            )

        return change

    def _is_asked_whether_set(self, node: cst.CSTNode) -> bool:
        """Whether the code only checks that the value is set."""
        parent = self._names.parents[node]
        if isinstance(parent, cst.If | cst.While | cst.IfExp | cst.Assert):
            return parent.test is node
        if isinstance(parent, cst.UnaryOperation):
            return isinstance(parent.operator, cst.Not)
        if isinstance(parent, cst.Comparison):
            return all(
                isinstance(target.operator, cst.Is | cst.IsNot) for target in parent.comparisons
            )
        if isinstance(parent, cst.BooleanOperation):
            return self._is_asked_whether_set(parent)
        call = self._names.parents.get(parent) if isinstance(parent, cst.Arg) else None
        return isinstance(call, cst.Call) and called(call) == "bool"


def remedy_of(node: cst.Attribute) -> str | None:
    """Say what replaces an attribute that may be an old setting; None for other attributes."""
    name = node.attr.value
    field = field_of(name) if name.isupper() else None
    if field is None or (isinstance(node.value, cst.Name) and node.value.value in {"self", "cls"}):
        return None
    secret = ", a SecretStr" if _secrecy(field) is not None else ""
    return f"{name} may be the older service's setting: it is `{field}` now{secret}"


def _locals_that_hold_settings(names: Names) -> set[str]:
    """Find the module's names for the settings: variables assigned from them, and parameters."""
    found: set[str] = set()
    for node in names.nodes():
        if isinstance(node, cst.Assign) and _is_settings(names, node.value):
            for target in node.targets:
                found |= _own_names(names, target.target)
        elif isinstance(node, cst.AnnAssign) and (
            _is_declared(names, node.annotation.annotation)
            or (node.value and _is_settings(names, node.value))
        ):
            found |= _own_names(names, node.target)
        elif isinstance(node, cst.Param) and (
            (node.annotation is not None and _is_declared(names, node.annotation.annotation))
            or (node.default is not None and _depends_on_settings(names, node.default))
        ):
            found |= names.local(node.name)
    return found


def _is_settings(names: Names, node: cst.BaseExpression) -> bool:
    """Whether an expression is the old settings: `settings`, `get_settings()`, `Settings()`."""
    meant = names.imported(node)
    if isinstance(node, cst.Call):
        return bool(meant & {"core.config.get_settings", "core.config.Settings"})
    return "core.config.settings" in meant


def _is_declared(names: Names, annotation: cst.BaseExpression) -> bool:
    """Whether an annotation names the old class, also inside Annotated, Optional or a union."""
    if "core.config.Settings" in names.imported(annotation):
        return True
    if isinstance(annotation, cst.Subscript):
        inner = [each.slice.value for each in annotation.slice if isinstance(each.slice, cst.Index)]
        return any(_is_declared(names, each) for each in inner)
    if isinstance(annotation, cst.BinaryOperation):
        return _is_declared(names, annotation.left) or _is_declared(names, annotation.right)
    return False


def _depends_on_settings(names: Names, default: cst.BaseExpression) -> bool:
    return (
        isinstance(default, cst.Call)
        and called(default) in {"Depends", "Security"}
        and any(
            "core.config.get_settings" in names.imported(argument.value)
            for argument in default.args
        )
    )


def _own_names(names: Names, node: cst.BaseExpression) -> set[str]:
    """Find the module's names of an expression. `self.x` is one name in all methods."""
    if (
        isinstance(node, cst.Attribute)
        and isinstance(node.value, cst.Name)
        and node.value.value == "self"
    ):
        return {f"self.{node.attr.value}"}
    return set() if isinstance(node, cst.Call) else names.local(node)


def _text(secret: cst.Attribute) -> cst.BaseExpression:
    bare = secret.with_changes(lpar=[], rpar=[])
    return cst.Call(
        cst.Attribute(bare, cst.Name("get_secret_value")), lpar=secret.lpar, rpar=secret.rpar
    )


def _text_or_none(secret: cst.Attribute, *, is_alone: bool) -> cst.BaseExpression:
    """Read a secret that may be None. `is_alone`: no operator stands beside it."""
    bare = secret.with_changes(lpar=[], rpar=[])
    either = cst.BooleanOperation(bare, cst.And(), _text(bare))
    if is_alone:
        return either
    return either.with_changes(
        lpar=secret.lpar or [cst.LeftParen()], rpar=secret.rpar or [cst.RightParen()]
    )


def called(call: cst.Call) -> str:
    """Get the last part of the called function's name."""
    function = call.func
    return (
        function.attr.value
        if isinstance(function, cst.Attribute)
        else getattr(function, "value", "")
    )


def _of_each(secrets: cst.Attribute) -> cst.BaseExpression:
    opened = cst.parse_expression("tuple(secret.get_secret_value() for secret in ())")
    [argument] = cst.ensure_type(opened, cst.Call).args
    generator = cst.ensure_type(argument.value, cst.GeneratorExp)
    generator = generator.with_changes(for_in=generator.for_in.with_changes(iter=secrets))
    return opened.with_changes(args=[argument.with_changes(value=generator)])


def _secrecy(field: str) -> type | None:
    """SecretStr for a secret setting, tuple for several secrets, None for no secret."""
    return _secrecy_of(Settings.model_fields[field].annotation)


def _secrecy_of(annotation: Any) -> type | None:
    if annotation is SecretStr:
        return SecretStr
    inner = [found for each in get_args(annotation) if (found := _secrecy_of(each))]
    if not inner:
        return None
    return tuple if get_origin(annotation) is tuple else inner[0]
