"""Global ids: opaque to clients, the type's name and the row's id to us.

Row ids are random (`db/models/base.py`), so that a global id tells neither order nor number.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache

from graph.errors import InvalidId

_MAX_LENGTH = 64
_MAX_ID = 2**63 - 1


def encode_id(type_name: str, number: int) -> str:
    return b64encode(f"{type_name}:{number}".encode()).decode()


def decode_id(value: str, field: str) -> tuple[str, int]:
    """Split a global id into type name and number. Raises InvalidId naming `field`."""
    found = _decoded(value) if len(value) <= _MAX_LENGTH else None
    if found is None:
        raise InvalidId(field, "any object")
    return found


# An operation reads each id some times over, and clients ask for the same ones again.
@lru_cache(maxsize=4096)
def _decoded(value: str) -> tuple[str, int] | None:
    """Split a global id; None if it is none."""
    try:
        type_name, _, digits = b64decode(value, validate=True).decode("ascii").partition(":")
        number = int(digits)
    except (ValueError, Base64Error):
        return None
    # One id has one spelling: what is not what we would write, we did not write.
    if not 0 < number <= _MAX_ID or encode_id(type_name, number) != value:
        return None
    return type_name, number


def decode_id_of(type_name: str, value: str, field: str) -> int:
    """Id of the row of type `type_name` that a global id names.

    Raises InvalidId naming `field`.
    """
    try:
        found, number = decode_id(value, field)
    except InvalidId:
        raise InvalidId(field, _indefinite(type_name)) from None
    if found != type_name:
        raise InvalidId(field, _indefinite(type_name))
    return number


def _indefinite(type_name: str) -> str:
    return f"an {type_name}" if type_name[0] in "AEIOU" else f"a {type_name}"
