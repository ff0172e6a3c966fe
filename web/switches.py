"""Gets the switches of callers, by athlete, account or address."""

from db.statements.visibility import Viewer
from flags import targeting
from flags.flags import Flags
from flags.switches import Switches


def switches_of(flags: Flags, viewer: Viewer, address: str) -> Switches:
    """Get a caller's switches; `address` counts for signed-out callers."""
    return flags.everybody or flags.of(_key(viewer, address))


def switches_at(flags: Flags, address: str) -> Switches:
    """Get the switches of an address before its caller is known."""
    return flags.everybody or flags.of(targeting.of_address(address))


def _key(viewer: Viewer, address: str) -> str:
    if viewer.athlete_id is not None:
        return targeting.of_athlete(viewer.athlete_id)
    if viewer.account_id is not None:
        return targeting.of_account(viewer.account_id)
    return targeting.of_address(address)
