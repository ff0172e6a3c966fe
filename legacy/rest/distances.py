"""The older service's names of distances and sports."""

from athletics.distance import StandardDistance

DISTANCES = {
    StandardDistance.M400: "400m",
    StandardDistance.M800: "800m",
    StandardDistance.KM1: "1k",
    StandardDistance.M1500: "1500m",
    StandardDistance.MILE1: "mile",
    StandardDistance.KM3: "3k",
    StandardDistance.MILE2: "2mile",
    StandardDistance.KM5: "5k",
    StandardDistance.KM10: "10k",
    StandardDistance.KM15: "15k",
    StandardDistance.MILE10: "10mile",
    StandardDistance.KM20: "20k",
    StandardDistance.HALF_MARATHON: "half_marathon",
    StandardDistance.KM30: "30k",
    StandardDistance.MARATHON: "marathon",
    StandardDistance.KM50: "50k",
}

METERS_PER_MILE = StandardDistance.MILE1.meters

_SPORTS = (
    "Run", "TrailRun", "VirtualRun", "Walk", "Hike", "Ride", "VirtualRide", "GravelRide", "MountainBikeRide",
    "EBikeRide", "Swim", "WeightTraining", "Workout", "Yoga", "Elliptical", "StairStepper", "Rowing", "NordicSki",
    "AlpineSki", "BackcountrySki", "Snowshoe", "InlineSkate",
)  # fmt: skip
_SPORT_BY_LETTERS = {name.lower(): name for name in _SPORTS}
_METERS = {name: distance.meters for distance, name in DISTANCES.items()} | {
    each.value.lower(): each.meters for each in StandardDistance
}


def meters(name: str) -> float | None:
    """Look up a distance by either service's name or as 5km; None if unknown."""
    name = name.strip().lower().replace("-", "_").replace(" ", "_")
    return _METERS.get(name.removesuffix("m") if name.endswith("km") else name)


def sport_type(name: str) -> str:
    """Convert a sport to Strava's name (trail_run: TrailRun); an unknown one stays."""
    letters = name.strip().lower().replace("_", "").replace("-", "").replace(" ", "")
    return _SPORT_BY_LETTERS.get(letters, name.strip())
