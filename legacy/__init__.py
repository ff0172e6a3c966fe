"""Everything that exists only for callers of the older REST service.

Only the command line imports this package, and only if the folder exists. Deleting the folder ends
the migration; README.md says when and how.
"""
