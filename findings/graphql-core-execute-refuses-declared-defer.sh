#!/usr/bin/env bash
# graphql-core 3.3.2: `execute` raises GraphQLError for every operation, introspection too, once the
# schema declares @defer or @stream, as the document `schema.graphql` of a server with incremental
# delivery does. `execute_sync` runs the same operation. So schemathesis 4.32.5 reads no such file
# ("does not appear to be a valid GraphQL schema"), while it reads the same schema by introspection.
# One expects a directive that the operation does not use to change nothing.
#
# Seen: execute raises; execute_sync answers; from_file fails; from_dict reads 1 operation.
# For pacegraph: tests/security/test_schema_fuzzing.py loads the schema by introspection.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check graphql-core==3.3.2 schemathesis==4.32.5
"$folder/venv/bin/python" - <<'PYTHON'
import schemathesis
from graphql import (
    GraphQLError, build_schema, execute, execute_sync, introspection_from_schema, parse,
)

SDL = """
directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
type Query { name: String }
"""
schema, query = build_schema(SDL), parse("{ __typename }")
try:
    execute(schema, query)
except GraphQLError as error:
    print("execute raises:", error.message)
else:
    raise SystemExit("execute runs it")
assert execute_sync(schema, query).data == {"__typename": "Query"}
try:
    schemathesis.graphql.from_file(SDL)
except schemathesis.errors.LoaderError as error:
    print("from_file fails:", error)
else:
    raise SystemExit("from_file reads it")
read = schemathesis.graphql.from_dict(dict(introspection_from_schema(schema)))
assert len(list(read.get_all_operations())) == 1
print("execute_sync answers, from_dict reads 1 operation")
PYTHON
