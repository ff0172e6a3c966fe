"""All SQL. These functions build SQLAlchemy Core statements and never execute them.

Values are bind parameters with fixed names, so a statement is built once and executed with many
values. The API executes it asynchronously, jobs synchronously. Docstrings name the parameters in
backquotes. Those that take long to build (`@cache`) are built once in a process.
"""
