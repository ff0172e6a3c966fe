"""Days go to PostgreSQL and come back as they are, those at the calendar's ends too."""

from datetime import date

import pytest
from sqlalchemy import Date, Text, bindparam, cast, literal_column, select

from db.session import AsyncDatabase

pytestmark = pytest.mark.anyio
_DAY = bindparam("day", type_=Date)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_every_day_is_sent_and_read_as_it_is(settings):
    database = AsyncDatabase(settings, application_name="pacegraph-test")
    try:
        async with database.read() as connection:
            for day in (date.min, date(1900, 1, 1), date(2000, 1, 1), date(2024, 2, 29), date.max):
                sent = await connection.execute(select(cast(_DAY, Text), _DAY), {"day": day})
                text, read = sent.one()
                assert (text, read) == (day.isoformat(), day)
            ends = select(literal_column("date '-infinity'"), literal_column("date 'infinity'"))
            assert tuple((await connection.execute(ends)).one()) == (date.min, date.max)
    finally:
        await database.close()
