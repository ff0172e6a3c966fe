"""Which activities are runs, on foot, or on the way."""

RUN_SPORT_TYPES = frozenset({"Run", "TrailRun", "VirtualRun"})
_IN_SHOES = RUN_SPORT_TYPES | {"Walk", "Hike"}


def is_run(sport_type: str) -> bool:
    """Whether Strava's `sport_type` counts as a run; types that Strava adds later do not."""
    return sport_type in RUN_SPORT_TYPES


def covers_ground(sport_type: str) -> bool:
    """Whether such an activity goes on only while it moves: on foot or on a bike."""
    return sport_type in _IN_SHOES or sport_type.endswith("Ride")


def is_in_shoes(sport_type: str) -> bool:
    """Whether the gear of such an activity is a pair of shoes, not a bike."""
    return sport_type in _IN_SHOES
