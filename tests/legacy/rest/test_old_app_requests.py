"""The requests that the older application's callers make, of pacegraph: the same paths, methods and
bodies get the same statuses, and what fits the older application's own schemas.

`test_imports_old_app` makes them of that application itself.
"""

from datetime import timedelta
from uuid import uuid5

import pytest

from tests import factories as make
from tests.factories import NOON
from tests.legacy.running_app import ADA, FEEDBACK, REQUESTS, TASK_ID

pytestmark = pytest.mark.anyio


@pytest.fixture
def token(db) -> str:
    """Ada's, whose five runs were adopted; with one more since, which has no old id."""
    ada = make.create_person(db, first_name="Ada", sex="FEMALE")
    make.create_connection(db, ada.athlete_id)
    runs = [
        make.create_activity(db, ada.athlete_id, started_at=NOON + timedelta(days=day))
        for day in range(6)
    ]
    make.create_best_effort(db, runs[3], elapsed_s=1200.5)
    make.create_best_effort(db, runs[5], distance="KM10", elapsed_s=3000.0)
    make.recalculate_bests(db, ada.athlete_id)
    db.exec_driver_sql("CREATE SCHEMA legacy")
    db.exec_driver_sql(
        "CREATE TABLE legacy.ids (kind text, old_id text, new_id bigint, PRIMARY KEY (kind, old_id))"
    )
    old = [
        ("athlete", ADA, ada.athlete_id),
        *(("activity", uuid5(ADA, str(day)), runs[day]) for day in range(5)),
    ]
    for kind, old_id, new_id in old:
        db.exec_driver_sql(
            "INSERT INTO legacy.ids VALUES (%s, %s, %s)", (kind, str(old_id), new_id)
        )
    return ada.token


async def test_each_is_answered_as_before(rest, db, token):
    known: dict[str, str] = {}
    answers = {}
    for asked in REQUESTS:
        answer = await rest.send(asked.method, asked.path.format(**known), token, json=asked.body)
        assert "x-request-id" in answer.headers
        asked.check(answer)
        known |= TASK_ID.findall(answer.text)
        answers[f"{asked.method} {asked.path}"] = answer.json()
    assert answers[f"GET /v1/athletes/{ADA}"]["display_name"].startswith("Ada")
    assert len(answers[f"GET /v1/activities?athlete_id={ADA}&limit=3"]) == 3
    assert len(answers[f"GET /v1/activities?athlete_id={ADA}"]) == 6
    assert len(answers[f"GET /v1/athletes/{ADA}/personal-bests"]) == 2
    assert (
        answers[f"GET /v1/activities/{FEEDBACK['activity_id']}/age-grade"]["performance_percentage"]
        > 50
    )
    [[message]] = db.exec_driver_sql("SELECT message FROM feedback")
    assert message == f"legs heavy\nactivity_id: {FEEDBACK['activity_id']}\nperceived_effort: 7"
