"""`pacegraph migrate-imports`: rewrites imports of the older service's names in Python files.

The rest of the file keeps its bytes: comments, formatting, line endings, encoding. The rewritten
code never imports `legacy`. What cannot be rewritten mechanically is left as it is and reported
with file, line and remedy.

Needs libcst, which only the extra `pacegraph[legacy]` installs. Import `command` after
`legacy.extra.require_extra()`.
"""
