"""Words of files for a sport, as Strava's `sport_type`."""

import re

_INDOOR = frozenset(
    {"treadmill", "indoorrunning", "indoorcycling", "spin", "indoorrowing", "indoorwalking"}
)
_VIRTUAL = {"Run": "VirtualRun", "Ride": "VirtualRide", "Rowing": "VirtualRow"}

_WORDS = {
    # Strava's old numbers, in the `type` of its GPX exports
    "9": "Run",
    "1": "Ride",
    "10": "Walk",
    "4": "Hike",
    "run": "Run",
    "running": "Run",
    "jog": "Run",
    "jogging": "Run",
    "streetrunning": "Run",
    "trackrunning": "Run",
    "treadmill": "Run",
    "treadmillrunning": "Run",
    "indoorrunning": "Run",
    "trailrun": "TrailRun",
    "trailrunning": "TrailRun",
    "ultrarun": "Run",
    "virtualrun": "VirtualRun",
    "virtualrunning": "VirtualRun",
    "obstaclerun": "Run",
    "ride": "Ride",
    "bike": "Ride",
    "biking": "Ride",
    "cycling": "Ride",
    "roadbiking": "Ride",
    "roadcycling": "Ride",
    "cyclingsport": "Ride",
    "cyclingtransport": "Ride",
    "indoorcycling": "Ride",
    "virtualride": "VirtualRide",
    "mountainbiking": "MountainBikeRide",
    "mountainbikeride": "MountainBikeRide",
    "gravelcycling": "GravelRide",
    "gravelride": "GravelRide",
    "ebiking": "EBikeRide",
    "ebikeride": "EBikeRide",
    "walk": "Walk",
    "walking": "Walk",
    "hike": "Hike",
    "hiking": "Hike",
    "swim": "Swim",
    "swimming": "Swim",
    "lapswimming": "Swim",
    "openwater": "Swim",
    "openwaterswimming": "Swim",
    "rowing": "Rowing",
    "indoorrowing": "Rowing",
    "kayaking": "Kayaking",
    "canoeing": "Canoeing",
    "standuppaddleboarding": "StandUpPaddling",
    "surfing": "Surfing",
    "sailing": "Sail",
    "alpineskiing": "AlpineSki",
    "crosscountryskiing": "NordicSki",
    "nordicski": "NordicSki",
    "backcountryski": "BackcountrySki",
    "snowboarding": "Snowboard",
    "snowshoeing": "Snowshoe",
    "iceskating": "IceSkate",
    "inlineskating": "InlineSkate",
    "golf": "Golf",
    "tennis": "Tennis",
    "soccer": "Soccer",
    "football": "Soccer",
    "rockclimbing": "RockClimbing",
    "strengthtraining": "WeightTraining",
    "weighttraining": "WeightTraining",
    "yoga": "Yoga",
    "elliptical": "Elliptical",
    "stairclimbing": "StairStepper",
    "training": "Workout",
    "workout": "Workout",
    "fitnessequipment": "Workout",
    "cardiotraining": "Workout",
    "transition": "Workout",
}

_OF_SUB_SPORT = {
    ("Run", "trail"): "TrailRun",
    ("Ride", "mountain"): "MountainBikeRide",
    ("Ride", "gravelcycling"): "GravelRide",
    ("Ride", "ebikefitness"): "EBikeRide",
    ("Ride", "ebikemountain"): "EMountainBikeRide",
    ("Workout", "strengthtraining"): "WeightTraining",
    ("Workout", "yoga"): "Yoga",
    ("Workout", "elliptical"): "Elliptical",
    ("Workout", "indoorrowing"): "Rowing",
    ("Workout", "stairclimbing"): "StairStepper",
    ("Workout", "treadmill"): "Run",
}


def sport_type_of(word: str | None, sub_word: str | None = None) -> str | None:
    """Strava's `sport_type`; None for words that say nothing, such as "generic" or "Other"."""
    sport_type = _WORDS.get(_plain(word))
    sub = _plain(sub_word)
    if sport_type is None:
        return None
    if sub == "virtualactivity":
        return _VIRTUAL.get(sport_type, sport_type)
    return _OF_SUB_SPORT.get((sport_type, sub), sport_type)


def sport_type_in(name: str | None) -> str | None:
    """Strava's `sport_type` of a name that begins with its word ("Running 5/1/26"), or None."""
    words = (name or "").split()
    return _WORDS.get(_plain(words[0])) if words and words[0].isalpha() else None


def is_indoor_word(word: str | None) -> bool:
    return _plain(word) in _INDOOR


def _plain(word: str | None) -> str:
    """The word's letters and digits in lower case: "Trail Running", "trail_running" are one."""
    return re.sub(r"[\W_]+", "", word or "").lower()
