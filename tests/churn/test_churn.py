"""Ten thousand clients, in all the ways of leaving: afterwards the process is as it was."""

import pytest
from redis import Redis

from tests.web.api_process import api_process
from tests.web.churn import assert_nothing_is_left

pytestmark = [pytest.mark.anyio, pytest.mark.churn]

VISITS = 10_000
SPARE_MB = 12
"""What the allocator keeps: some 4 MB after the first 10,000, 1 to 2 MB after each further 10,000."""


async def test_ten_thousand_leave_nothing(settings, tmp_path, db, redis_url):
    with api_process(settings, tmp_path) as api, Redis.from_url(redis_url) as redis:
        await assert_nothing_is_left(api, db, redis, VISITS, SPARE_MB)
