"""Fifteen thousand activities, in a bounded time and in short transactions (`-s` prints the speed)."""

import threading
import time

import psycopg

MANY = 15_000
LONGEST_S = 90  # ten times what it takes on two idle cores


def test_many_activities(world, settings):
    world.write(
        "INSERT INTO activity (id, athlete_id, name, start_time, sport, provider, external_activity_id, duration_s, "
        "moving_time_s, distance_m, avg_hr) SELECT gen_random_uuid(), a.id, 'bulk ' || n, timestamp '2015-01-01' + "
        "n * interval '2 hours', 'run', 'strava', (10000000000 + n)::text, 1830, 1800, 5000 + n % 4000, 150 "
        f"FROM generate_series(1, {MANY}) n JOIN (SELECT id, row_number() OVER (ORDER BY id) AS r FROM athlete "
        "WHERE strava_athlete_id BETWEEN 1002 AND 1015) a ON a.r = 1 + n % (SELECT count(*) FROM athlete "
        "WHERE strava_athlete_id BETWEEN 1002 AND 1015)"
    )
    world.write("ANALYZE activity")
    longest = Longest(settings.database_url.get_secret_value())
    longest.start()
    try:
        began = time.monotonic()
        world.adopt(batch_size=1000)
        took_s = time.monotonic() - began
    finally:
        longest.stop()
    assert world.value("SELECT count(*) FROM activities") == MANY + 301
    began = time.monotonic()
    assert world.run(verify=True)[0] == 0
    verified_s = time.monotonic() - began
    print(  # noqa: T201
        f"{MANY} activities adopted in {took_s:.1f} s, {MANY / took_s:.0f} rows/s, verified in {verified_s:.1f} s, "
        f"longest transaction {longest.seconds:.2f} s"
    )
    assert took_s < LONGEST_S
    assert longest.seconds < 10  # each batch is a transaction of its own


class Longest(threading.Thread):
    """Watches the adoption's transactions."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._end, self.seconds = url, threading.Event(), 0.0

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._end.wait(0.05):
                found = connection.execute(
                    "SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity "
                    "WHERE application_name = 'pacegraph-adopt' AND backend_xid IS NOT NULL"
                ).fetchone()
                self.seconds = max(self.seconds, float(found[0] or 0))

    def stop(self) -> None:
        self._end.set()
        self.join(20)
