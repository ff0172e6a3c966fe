"""Age grade of an activity, roughly."""
from core.logging import get_logger

logger = get_logger(__name__)

WORLD_RECORD_PACE = 0.17  # seconds per metre


def age_grade(activity) -> float:
    if not activity.duration_s:
        logger.warning("activity %s has no duration", activity.id)
        return 0.0
    return round(100 * activity.distance_m * WORLD_RECORD_PACE / activity.duration_s, 1)
