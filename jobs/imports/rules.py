"""The version of the rules by which files are read."""

RULES_VERSION = 1
"""Raise it when files are read otherwise than before: `pacegraph rederive` reads the originals
of lower versions again.
"""
