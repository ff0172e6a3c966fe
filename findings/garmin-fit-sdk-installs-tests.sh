#!/usr/bin/env bash
# garmin-fit-sdk 21.218.0: its wheel installs the SDK's own tests as a top-level package `tests`,
# with an __init__.py. A project whose folder `tests` has none is a namespace package, and loses to
# any regular package of that name, even when the project's folder comes first on sys.path. So
# `python -m tests.anything` of a project stops working once this reader of FIT files is installed.
#
# Seen: before the installation the project's module is found; after it,
#       "No module named tests.mine".
# For pacegraph: tests/ has an __init__.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/project/tests"
echo 'print("the project'"'"'s own module")' > "$folder/project/tests/mine.py"
python3 -m venv "$folder/venv"
cd "$folder/project"
before=$("$folder/venv/bin/python" -m tests.mine)
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check garmin-fit-sdk==21.218.0
after=$("$folder/venv/bin/python" -m tests.mine 2>&1 || true)
echo "before: $before"
echo "after: ${after##*: }"
[ "$before" = "the project's own module" ]
[[ "$after" == *"No module named tests.mine"* ]]
grep -q '^tests/__init__.py,' "$folder"/venv/lib/python3*/site-packages/garmin_fit_sdk-*.dist-info/RECORD
