"""All SQL. Functions here build SQLAlchemy Core statements from plain arguments and never execute them.

Values are bind parameters with fixed names, so that a statement is built once for a shape and executed with many
values: the API runs them async, jobs run them sync.
"""
