"""Which activities are runs."""

RUN_SPORT_TYPES = frozenset({"Run", "TrailRun", "VirtualRun"})


def is_run(sport_type: str) -> bool:
    """Whether Strava's `sport_type` counts as a run; types that Strava adds later do not."""
    return sport_type in RUN_SPORT_TYPES
