"""Activities: their rows, parts, edits and deletions."""
