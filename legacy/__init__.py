"""All that exists only for callers of the older REST service. Deleting this folder is the end of the migration.

Nothing imports it but the command line, and that only where it is there.
"""
