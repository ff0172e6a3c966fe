"""The limits of documents that hold where nobody sets others."""

from graph.shape import DocumentLimits
from settings import load_settings

LIMITS = DocumentLimits.of(load_settings(None))
