"""docs/errors.md has a section for each error code that callers see, and for no other."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.test_architecture import ROOT, sources

PAGE = (ROOT / "docs" / "errors.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
_CODE = re.compile(r"[A-Z]{2,}(_[A-Z]+)*")
_TELLING = ("graph/", "web/", "legacy/rest/", "db/errors.py", "strava/errors.py")
"""Where errors that callers see are made."""
_MAKERS = {"_mask", "_refusal", "error_body", "error_response", "__init__"}
_ENUMS = ("JobErrorCode", "UserErrorCode")


def codes_of(tree: ast.AST) -> Iterator[str]:
    """Texts that are assigned to `code`, given to a function that makes errors, or returned by one
    that chooses a code.
    """
    constants = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Assign):
            found = assigned_code(node)
        elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "code":
            found = [node.value]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found = [*node.args[:3]] if name in _MAKERS else []
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("_code_of"):
            found = [
                value
                for each in ast.walk(node)
                if isinstance(each, ast.Return)
                for value in ast.walk(each)
                if isinstance(value, ast.Constant)
            ]
        for value in found:
            known = constants.get(value.id) if isinstance(value, ast.Name) else value
            if isinstance(known, ast.Constant) and isinstance(known.value, str):
                yield known.value


def assigned_code(node: ast.Assign) -> list[ast.expr | None]:
    """The value of `code` in `code = …` and in `status, code = …`."""
    (target,) = node.targets[:1]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(target.elts, node.value.elts, strict=True)
        return [value for name, value in pairs if getattr(name, "id", "") == "code"]
    return [node.value] if getattr(target, "id", "") == "code" else []


def of_enum(name: str) -> set[str]:
    schema = (ROOT / "schema.graphql").read_text()
    body = re.search(rf"^enum {name} {{\n(.*?)^}}", schema, re.MULTILINE | re.DOTALL)
    assert body
    return set(re.findall(r"^  ([A-Z_]+)$", body[1], re.MULTILINE))


def of_the_code() -> set[str]:
    found = {
        code
        for path, tree in sources().items()
        if str(path).startswith(_TELLING)
        for code in codes_of(tree)
        if _CODE.fullmatch(code)
    }
    return found.union(*map(of_enum, _ENUMS))


def test_each_code_has_its_section():
    missing, gone = of_the_code() - set(SECTIONS), set(SECTIONS) - of_the_code()
    if not (ROOT / "legacy").exists():
        gone -= {"LEGACY_REST_OFF"}
    assert (missing, gone) == (set(), set())


def test_codes_are_found_in_each_form():
    tree = ast.parse(
        "X = 'IN_A_NAME'\n"
        "class A(E):\n    code = 'PLAIN'\n"
        "class B(E):\n    status, code = 400, 'PAIRED'\n"
        "def f(): return _refusal(X, 'text')\n"
        "def _code_of_it(e): return 'GIVEN' if e else 'OTHER'\n"
    )
    assert {*codes_of(tree)} >= {"IN_A_NAME", "PLAIN", "PAIRED", "GIVEN", "OTHER"}


@pytest.mark.parametrize("code", SECTIONS)
def test_a_section_tells_cause_and_remedy(code):
    cause, remedy = re.fullmatch(
        r"\n(.+?)\n\nWhat to do: (.+?)\n\s*", SECTIONS[code], re.DOTALL
    ).groups()
    assert cause.strip()
    assert remedy.endswith((".", ")."))
