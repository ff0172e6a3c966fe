"""Planned execution: a query is compiled to one statement whose answer is the response's JSON.

document.py    query text -> parsed and validated document, kept
selection.py   operation -> tree of selected fields, directives applied
compile.py     tree -> statement
planner.py     runs it; whatever a plan does not cover, or fails at, runs on graphql-core
"""
