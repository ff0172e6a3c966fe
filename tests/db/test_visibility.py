"""Visibility that is decided in Python is the same as in SQL."""

import pytest
from sqlalchemy import select

from db.models import Job
from db.statements.visibility import Viewer, visible
from tests import factories as make


@pytest.fixture
def people(db):
    return [make.create_person(db, shares=True, shares_age_grades=True) for _ in range(2)]


@pytest.mark.parametrize("sharing", [True, False])
@pytest.mark.parametrize("is_admin", [True, False])
@pytest.mark.parametrize("who", ["the first", "nobody", "no athlete"])
def test_jobs_are_seen_by_the_same_viewers(db, people, who, is_admin, sharing):
    first = people[0]
    number = first.athlete_id if who == "the first" else None
    account = None if who == "nobody" else first.account_id
    viewer = Viewer(account, number, is_admin, sharing)
    owners = [people[0].athlete_id, people[1].athlete_id, None]
    jobs = {make.create_job(db, owner): owner for owner in owners}
    statement = select(Job.id).where(visible(Job, viewer.audience))
    in_sql = set(db.execute(statement, viewer.parameters).scalars())
    assert {job for job, owner in jobs.items() if viewer.sees_unshared(owner)} == in_sql
