"""UUIDs for objects that the older service never had, as its callers expect UUIDs.

They are of version 8 (RFC 9562, 5.8) and contain kind and row id, so they need no table:

    custom_a, 48 bits    a marker that tells them from other UUIDs
    custom_b, 12 bits    the kind, and the number's highest bit
    custom_c, 62 bits    the rest of the number
"""

from uuid import UUID

from graph.global_id import decode_id

KINDS = {"Athlete": 1, "Activity": 2, "BestEffort": 3, "PersonalBest": 4, "Job": 5}
"""Numbers of GraphQL types. Callers store these UUIDs, so the numbers must not change."""

_LOW_BITS = 62
_LOW = 2**_LOW_BITS - 1
_MARKED = int.from_bytes(b"pacegr") << 80 | 8 << 76 | 2 << 62
"""The marker, version and variant."""


def uuid_of(graphql_id: str) -> str:
    """Write a GraphQL id as a UUID."""
    type_name, number = decode_id(graphql_id, "id")
    high = KINDS[type_name] << 1 | number >> _LOW_BITS
    return str(UUID(int=_MARKED | high << 64 | number & _LOW))


def number_in(uuid: str, type_name: str) -> int | None:
    """Get the number from a UUID that `uuid_of` wrote for a type; None for other UUIDs."""
    bits = UUID(uuid).int
    number = (bits >> 64 & 1) << _LOW_BITS | bits & _LOW
    is_ours = bits == _MARKED | (KINDS[type_name] << 1 | number >> _LOW_BITS) << 64 | number & _LOW
    return number if is_ours and number > 0 else None
