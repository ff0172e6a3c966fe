"""What is switched on for who asks: the flags, by account or address."""

from db.statements.visibility import Viewer
from flags import targeting
from flags.flags import Flags
from flags.switches import Switches


def switches_of(flags: Flags, viewer: Viewer, address: str) -> Switches:
    """Get a caller's switches; `address` counts where nobody is signed in."""
    return flags.everybody or flags.of(_key(viewer, address))


def switches_at(flags: Flags, address: str) -> Switches:
    """Get the switches of an address, where nobody knows yet who asks."""
    return flags.everybody or flags.of(targeting.of_address(address))


def _key(viewer: Viewer, address: str) -> str:
    if viewer.athlete_id is not None:
        return targeting.of_athlete(viewer.athlete_id)
    if viewer.account_id is not None:
        return targeting.of_account(viewer.account_id)
    return targeting.of_address(address)
