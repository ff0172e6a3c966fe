"""The pauses between tries of what did not succeed, in seconds.

What Strava answers may be asked again at once: `AGAIN_AFTER_S` of `jobs/athlete_strava.py`.
"""

import random
from collections.abc import Sequence

PROBLEM_S = (600, 3_600, 21_600, 86_400, 3 * 86_400, 7 * 86_400)
"""After each try of an activity that a sync could not have; the last one after all further ones."""
EVENT_S = (10, 60, 600, 3_600, 21_600, 86_400)
"""After each job that took an event of Strava's webhook, should it not apply it; as above."""
STREAMS_S = (0, 0, 0, 3_600, 86_400, 3 * 86_400, 30 * 86_400)
"""After each job that asked for an activity's streams in vain; as above."""
DETAILS_S = 86_400
"""After a job that asked for an activity's details in vain."""
ROOM_S = 600
"""After an export that found no room for its archive."""
_FIRST_S, _LONGEST_S, _GROWTH, _JITTER = 2, 600, 4, 0.25


def after_tries(pauses_s: Sequence[float], tries: int) -> float:
    """Get the pause after the last of `tries`, which are at least one."""
    return pauses_s[min(tries, len(pauses_s)) - 1]


def after_failure(failures: int) -> float:
    """Choose the pause after a job's failed attempt, before which `failures` in a row had failed.

    It is up to a quarter shorter or longer by chance, so that retries do not come at once.
    """
    pause_s = float(min(_LONGEST_S, _FIRST_S * _GROWTH**failures))
    return pause_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads the retries
