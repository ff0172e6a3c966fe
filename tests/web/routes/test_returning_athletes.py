"""Athletes who sign in after their connection to Strava ended."""

import pytest

from tests.web.routes.test_sign_in import browser, sign_in, viewer

__all__ = ["browser"]
pytestmark = pytest.mark.anyio


async def test_who_returns_after_a_disconnect_finds_what_was_kept(browser, db):
    await sign_in(browser)
    first = await viewer(browser)
    [[athlete, strava_id]] = db.exec_driver_sql(
        "DELETE FROM strava_connections RETURNING athlete_id, strava_athlete_id"
    ).all()
    db.exec_driver_sql(
        "INSERT INTO former_connections VALUES (%s, %s)", (athlete, strava_id)
    )  # as the job does
    db.exec_driver_sql("UPDATE athletes SET first_name = 'Mine'")
    await sign_in(browser)
    assert (await viewer(browser))["athlete"] == {**first["athlete"], "firstName": "Mine"}
    assert db.exec_driver_sql("SELECT count(*) FROM former_connections").scalar_one() == 0
    assert db.exec_driver_sql("SELECT count(*) FROM athletes").scalar_one() == 1


async def test_a_profile_that_was_erased_comes_back(browser, db):
    await sign_in(browser)
    told = "SELECT first_name, last_name, sex, city, country FROM athletes"
    before = db.exec_driver_sql(told).one()
    db.exec_driver_sql(
        "INSERT INTO former_connections SELECT athlete_id, strava_athlete_id FROM strava_connections"
    )
    db.exec_driver_sql("DELETE FROM strava_connections")
    db.exec_driver_sql(
        "UPDATE athletes SET first_name = 'Athlete', last_name = '', sex = NULL, city = NULL, country = NULL"
    )
    await sign_in(browser)
    assert db.exec_driver_sql(told).all() == [before]
