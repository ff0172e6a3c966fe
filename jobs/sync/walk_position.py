"""How far a walk over Strava's list of activities came."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from jobs.attempt import Step
from strava.errors import StravaBadData
from strava.payloads import StravaActivity

LISTING, CONFIRMING, DERIVING = "listing", "confirming", "deriving"
"""Phases of a sync, in the checkpoint."""
WALKED = "walked"  # key of the checkpoint: the listing came to the end of the history

Item = StravaActivity | StravaBadData


_LONGEST_DAY = timedelta(hours=25)
"""The day on which summer time ends."""


def move(step: Step, items: Sequence[Item]) -> None:
    """Move the checkpoint past `items`.

    It holds `oldest`, in epoch seconds, and `met`, ids that the list from there on may repeat. A
    hidden start may be any of its day: Strava lists by what it hides, for all that is known.
    """
    found = [item for item in items if isinstance(item, StravaActivity)]
    starts = {item.strava_id: int(item.started_at.timestamp()) for item in found}
    met = set(step.checkpoint.get("met", ()))
    if starts.keys() <= met:
        step.checkpoint["page"] = step.checkpoint.get("page", 1) + 1
        return
    listed = step.checkpoint.get("listed", 0) + len(starts.keys() - met)
    known = step.checkpoint.get("oldest")
    # Times before 1970 are asked for together, page by page.
    oldest = max(0, min(int(_latest_start(item).timestamp()) for item in found))
    if known is not None:
        oldest = min(oldest, known)
        met = met if known - oldest <= _LONGEST_DAY.total_seconds() else set()
    met |= {strava_id for strava_id, start in starts.items() if start <= oldest}
    step.checkpoint |= {"oldest": oldest, "met": sorted(met), "page": 1, "listed": listed}
    step.message = f"{listed} activities listed"


def latest_start(started_at: datetime, *, is_hidden: bool) -> datetime:
    """When an activity began at the latest, where Strava may hide the time of day."""
    return started_at + _LONGEST_DAY if is_hidden else started_at


def _latest_start(item: StravaActivity) -> datetime:
    return latest_start(item.started_at, is_hidden=item.start_is_hidden)
