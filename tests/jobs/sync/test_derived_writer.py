"""When what is derived can be seen."""

from datetime import timedelta

from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture

TOLD = """
    SELECT max(changed_at) AS at FROM athlete_changes c JOIN activities a ON a.id = ANY (activity_ids)
    GROUP BY a.id ORDER BY started_at DESC
"""
DELAY_S = 3.0


def test_what_is_derived_is_seen_while_strava_lets_wait_for_its_next_answer(world):
    world.settings = world.settings.model_copy(update={"strava_details_per_sync": 0})
    world.strava.fault("slow", path="/streams", skip=3, delay_s=DELAY_S)
    assert world.sync(world.connect())["status"] == "SUCCEEDED"
    told = [row["at"] for row in world.rows(TOLD)]
    assert len(told) == RUNS
    assert told[0] == told[2]  # in one transaction
    # within 2 s, and the next one after its answer
    assert timedelta(seconds=DELAY_S - 2.2) <= told[3] - told[2]
    assert world.strava.requests("/streams") == RUNS
