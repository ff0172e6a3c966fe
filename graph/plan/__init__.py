"""Planned execution: a query is compiled to one statement that returns the response's JSON.

selection.py        an operation's selected fields, with directives and fragments applied
argument_reader.py  reads the arguments of fields for each request
query_tree.py       an operation's selected fields with their readers
compiler.py         tree -> SQL, from the rows in row_templates.py
plan.py             the statement, and its parameters' values for each request
streams_json.py     writes the JSON of streams into the statement's answer
computed.py         root fields without a statement
planner.py          runs plans, through the cache; the rest runs on graphql-core
"""
