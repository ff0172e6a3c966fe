"""`core.logging` of the older service."""

from legacy.old_module import old_module

__getattr__, __dir__, __all__ = old_module("core.logging")
