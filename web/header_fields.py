"""A request's header fields by their names."""

from collections.abc import Sequence

_COOKIE = b"cookie"


def by_name(fields: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Map each name to its value. The values of a field that was sent several times are joined, in their order.

    So lists (`Accept`) are read whole, and of a field that has one value (`Authorization`) none is picked: what is
    joined is no valid one.
    """
    found = dict(fields)
    if len(found) == len(fields):
        return found
    found.clear()
    for name, value in fields:
        found[name] = (b"; " if name == _COOKIE else b", ").join((found[name], value)) if name in found else value
    return found
