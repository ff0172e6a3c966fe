"""Archives of all that is stored of an athlete (docs/export.md)."""
