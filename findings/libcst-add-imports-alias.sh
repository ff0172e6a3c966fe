#!/usr/bin/env bash
# libcst 1.9.0, AddImportsVisitor: of two aliases that are asked for one module, it writes only the
# last, without an error. The same name asked for once with and once without an alias raises a
# TypeError while it sorts the names. An expert expects both imports, as `ImportFrom` can hold both.
#
# Seen: 'import json as j2', although `j1` was asked for as well;
#       TypeError: '<' not supported between instances of 'NoneType' and 'str' (either order).
# For pacegraph: `migrate-imports` asks the visitor for one name at a time.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check libcst==1.9.0
"$folder/venv/bin/python" - <<'PYTHON'
import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor


def add(*wanted: tuple[str, str | None, str | None]) -> str:
    context = CodemodContext()
    for module, name, alias in wanted:
        AddImportsVisitor.add_needed_import(context, module, name, asname=alias)
    try:
        return AddImportsVisitor(context).transform_module(cst.parse_module("")).code
    except TypeError as error:
        return f"TypeError: {error}"


two_aliases = add(("json", None, "j1"), ("json", None, "j2"))
with_and_without = add(("json", "loads", None), ("json", "loads", "read"))
print(repr(two_aliases), with_and_without, sep="\n")
assert two_aliases == "import json as j2", "two aliases of a module"
assert with_and_without.startswith("TypeError: '<' not supported"), "a name with and without alias"
PYTHON
