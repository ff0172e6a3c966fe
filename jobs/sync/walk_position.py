"""How far a walk over Strava's list of activities came."""

from collections.abc import Sequence

from jobs.attempt import Step
from strava.errors import StravaBadData
from strava.payloads import StravaActivity

LISTING, CONFIRMING, DERIVING = "listing", "confirming", "deriving"
"""Phases of a sync, in the checkpoint."""
WALKED = "walked"  # key of the checkpoint: the listing came to the end of the history

Item = StravaActivity | StravaBadData


def move(step: Step, items: Sequence[Item]) -> None:
    """Move the checkpoint past `items`.

    It holds `oldest`, in epoch seconds, and `met`, the ids seen in that second.
    """
    starts = {
        item.strava_id: int(item.started_at.timestamp())
        for item in items
        if isinstance(item, StravaActivity)
    }
    met = set(step.checkpoint.get("met", ()))
    if starts.keys() <= met:
        step.checkpoint["page"] = step.checkpoint.get("page", 1) + 1
        return
    # Times before 1970 are asked for together, page by page.
    oldest = max(0, min(starts.values()))
    if oldest != step.checkpoint.get("oldest"):
        met = set()
    met |= {strava_id for strava_id, start in starts.items() if start <= oldest}
    listed = step.checkpoint.get("listed", 0) + len(
        starts.keys() - set(step.checkpoint.get("met", ()))
    )
    step.checkpoint |= {"oldest": oldest, "met": sorted(met), "page": 1, "listed": listed}
    step.message = f"{listed} activities listed"
