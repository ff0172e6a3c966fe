"""The time at each heart rate is derived with the efforts."""


def test_a_sync_derives_it_and_a_recalculation_again(world):
    runner = world.connect()
    times = list(range(0, 1001, 10))
    streams = {
        "time": times,
        "distance": [3.0 * each for each in times],
        "heartrate": [120 if each < 600 else 150 for each in times],
    }
    strava_id = world.strava.add(streams=streams)
    world.sync(runner, activity_id=strava_id)
    rates = "SELECT lowest_bpm, seconds FROM activity_heart_rates"
    expected = [{"lowest_bpm": 120, "seconds": [600.0, *[0.0] * 29, 400.0]}]
    assert world.rows(rates) == expected
    world.write("DELETE FROM activity_heart_rates")
    world.work(world.create(runner, kind="PERSONAL_BESTS"))
    assert world.rows(rates) == expected
    world.strava.change(strava_id, sport_type="Ride")
    world.sync(runner, activity_id=strava_id)
    assert world.rows(rates) == []
