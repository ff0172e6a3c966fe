"""UUIDs for what the older service never had, for callers whose models know ids as UUIDs only.

They are of version 8 (RFC 9562, 5.8) and tell kind and number themselves, so there is no table of them:

    custom_a, 48 bits    a marker, by which they are known from others
    custom_b, 12 bits    the kind, and the number's highest bit
    custom_c, 62 bits    the rest of the number
"""

from uuid import UUID

from graph.ids import decode_id

KINDS = {"Athlete": 1, "Activity": 2, "BestEffort": 3, "PersonalBest": 4, "Job": 5}
"""By the types in GraphQL. Callers keep these UUIDs: none may change."""

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
    """Get the number from a UUID that `uuid_of` wrote for an object of a type; None from any other."""
    bits = UUID(uuid).int
    number = (bits >> 64 & 1) << _LOW_BITS | bits & _LOW
    is_ours = bits == _MARKED | (KINDS[type_name] << 1 | number >> _LOW_BITS) << 64 | number & _LOW
    return number if is_ours and number > 0 else None
