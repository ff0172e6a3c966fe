"""The version of the rules by which files are read."""

RULES_VERSION = 2
"""Raise it when files are read otherwise than before: `pacegraph rederive` reads the originals
of lower versions again.

2: sums that a file does not state are computed from its samples.
"""
