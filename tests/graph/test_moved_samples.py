"""Charts of old runs whose samples are in S3: as before for each viewer, and an error while it is away."""

from datetime import timedelta

import pytest

from graph.global_id import encode_id
from operator_commands.move_samples import move_samples
from runtime.clock import utc_now
from tests import factories as make
from tests.graph.api import serve
from tests.s3_server import S3Server

COUNT = 3_000
CHARTS = ("maxPoints: 5000", "maxPoints: 200", "maxPoints: 50, from: 100, until: 900")
FIELDS = "sampleCount timeSeconds heartRate altitudeMeters latitude longitude gapsAfter"


async def charts(api, token: str, activity: int) -> list[dict]:
    id_ = encode_id("Activity", activity)
    return [
        await api.answer(f'{{ activity(id: "{id_}") {{ streams({each}) {{ {FIELDS} }} }} }}', token)
        for each in CHARTS
    ]


@pytest.fixture
def server(tmp_path):
    made = S3Server(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def s3(server, settings):
    return server.used_by(settings, originals_s3_timeout_s=5, sharing="on")


@pytest.mark.anyio
async def test_charts_are_the_same_for_each_viewer(s3, server, db):
    owner, began = make.create_person(db), utc_now() - timedelta(days=1_100)
    old = make.create_activity(db, owner.athlete_id, started_at=began)
    make.create_streams(db, old, make.samples(COUNT, every_column=True, gap_s=50))
    viewers = [owner.token, make.create_person(db).token, make.create_admin(db).token]
    async with serve(s3) as api:
        before = [[each["data"] for each in await charts(api, token, old)] for token in viewers]
        assert before[0] == before[2]
        assert before[0] != before[1], "others see no positions"
        assert before[0][0]["activity"]["streams"]["sampleCount"] == COUNT
        assert move_samples(s3, to="s3", older_than_days=365, athlete=None) == 0
        after = [[each["data"] for each in await charts(api, token, old)] for token in viewers]
        assert after == before
        planner = api.app.state.services.planner
        assert planner.fallbacks["samples elsewhere"] >= 2  # others may be cached
        assert planner.fallbacks["failed"] == 0
        server.kill()
        try:
            whole, level, part = await charts(api, owner.token, old)
        finally:
            server.start()
        assert level["data"] == before[0][1]
        for each in (whole, part):
            assert each["data"]["activity"] == {"streams": None}
            assert [error["extensions"]["code"] for error in each["errors"]] == ["UNAVAILABLE"]
        assert [each["data"] for each in await charts(api, owner.token, old)] == before[0]
