"""Targeting keys of callers: `athlete:12`, `account:3` (no athlete), `address:192.0.2.7`.

A signed-in caller is their athlete, from any address and in jobs too. A signed-out caller is an
address; of IPv6 it is the /64 network, as in the limits.
"""

from ipaddress import IPv6Network, ip_address, ip_network

_HOST_BITS = 64
_MOST = 2**63
_LONGEST = 100


class InvalidKey(ValueError):
    """A text is no targeting key; the message lists the forms."""


def of_athlete(athlete_id: int) -> str:
    return f"athlete:{athlete_id}"


def of_account(account_id: int) -> str:
    return f"account:{account_id}"


def of_address(address: str) -> str:
    return f"address:{address}"


def read_key(text: str) -> str:
    """Normalize a key that an operator wrote. Raises InvalidKey."""
    kind, _, rest = text.strip().partition(":")
    if (
        kind in {"athlete", "account"}
        and rest.isascii()
        and rest.isdigit()
        and 0 < int(rest[:_LONGEST]) < _MOST
    ):
        return f"{kind}:{int(rest)}"
    if kind == "address":
        try:
            return of_address(_counted(rest))
        except ValueError:
            pass
    raise InvalidKey(f"{text!r} is not a key; write athlete:12, account:3 or address:192.0.2.7")


def _counted(address: str) -> str:
    """Write an address as `web.http.client_address` does."""
    if "/" in address:
        network = ip_network(address, strict=False)
        if not isinstance(network, IPv6Network) or network.prefixlen != _HOST_BITS:
            raise ValueError(address)
        return str(network)
    parsed = ip_address(address)
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.version == 4:  # noqa: PLR2004 - the name of a protocol
        return str(parsed)
    return str(IPv6Network((int(parsed), _HOST_BITS), strict=False))
