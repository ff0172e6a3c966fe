"""Sessions and callers over a database."""

import pytest

from db.session import AsyncDatabase
from flags.flags import Flags
from web.auth.browser_sessions import BrowserSessions
from web.auth.identity import Identity
from web.limits.look_up_turns import LookUpTurns


@pytest.fixture
async def database(settings):
    database = AsyncDatabase(settings, application_name="test")
    yield database
    await database.close()


@pytest.fixture
def sessions(settings):
    return BrowserSessions(settings)


@pytest.fixture
def turns(settings):
    return LookUpTurns(settings, Flags(settings))


@pytest.fixture
def identity(settings, database, sessions, turns):
    return Identity(database, sessions, Flags(settings), turns)
