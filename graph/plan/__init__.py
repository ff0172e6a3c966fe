"""Planned execution: a query is compiled to one statement whose answer is the response's JSON.

selection.py   operation -> its selected fields, directives and fragments applied
tree.py        selected fields, and how each request's arguments are read
compile.py     tree -> SQL, of levels that templates.py keeps
plan.py        the statement, and its parameters' values for each request
computed.py    root fields that no statement answers
planner.py     runs it, through the cache; whatever a plan does not cover, or fails at, runs on graphql-core
"""
