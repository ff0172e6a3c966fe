"""Connections of `pacegraph adopt` that are ended: only what they were doing is repeated."""

import time
from functools import partial

import pytest
from pydantic import SecretStr

from legacy.adoption.command import AdoptionOptions, adopt
from tests.lost_connections import connections_ended, once_each_transaction

pytestmark = pytest.mark.whole


@pytest.fixture
def ended(old_url):
    return partial(connections_ended, old_url)


@pytest.mark.parametrize("at", [1, 4])
def test_each_transaction_of_each_step_is_ended_once(world, ended, at):
    """The start, the dry run, the copy, the report, the comparison and the end of the adoption."""
    would = world.adopt(dry_run=True)
    with ended(once_each_transaction(at)) as statements:
        assert world.adopt(dry_run=True) == would
    assert len(statements) >= 1
    with ended(once_each_transaction(at)) as statements:
        job, *report = world.adopt()
    assert len(statements) >= 10
    assert job.startswith("job ")
    assert report == world.adopt()
    assert world.value("SELECT count(*) FROM legacy.adopted WHERE kind = 'activity'") > 250
    found = world.adopt(verify=True)
    with ended(once_each_transaction(at)) as statements:
        assert world.adopt(verify=True) == found
        world.adopt(finish=True)
    assert len(statements) >= 10
    assert world.adopt(verify=True) == found


@pytest.mark.parametrize("at", [1, 4])
def test_each_transaction_of_undoing_is_ended_once(world, ended, at):
    world.adopt()
    removed = world.value(
        "SELECT count(*) FROM legacy.adopted WHERE kind = 'activity' AND NOT joined"
    )
    with ended(once_each_transaction(at)) as statements:
        lines = world.adopt(undo=True)
    assert len(statements) >= 8
    assert f"activity: {removed} removed" in lines
    assert world.value("SELECT count(*) FROM activities") == 0
    assert world.value("SELECT to_regclass('legacy.ids')") is None


def test_a_database_that_never_answers_is_told_soon(settings, capsys):
    closed = SecretStr("postgresql://postgres@127.0.0.1:1/none")
    begun = time.monotonic()
    assert adopt(settings.model_copy(update={"database_url": closed}), AdoptionOptions()) == 1
    assert time.monotonic() - begun < 15
    assert "PostgreSQL refused or lost the connection" in capsys.readouterr().err
