"""Limits of documents: those that hold where nobody sets others, and some that are far away."""

from dataclasses import replace

from graph.document.limits import DocumentLimits
from settings import load_settings

LIMITS = DocumentLimits.from_settings(load_settings(None))
WIDE_LIMITS = replace(
    LIMITS,
    max_characters=10**6,
    max_tokens=50_000,
    max_depth=100,
    max_aliases=1000,
    max_root_fields=1000,
)
