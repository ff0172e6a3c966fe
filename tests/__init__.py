"""The tests. A package of its own, because some libraries install a `tests` too."""
