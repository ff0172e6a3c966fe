"""Gauges of the queue, and counts of Strava's bad answers."""

import re
import time

import pytest
from pydantic import SecretStr

from strava.shared_quota.ledger import Ledger
from strava.shared_quota.window import CountedWindow
from tests import factories as make
from tests.graph.api import serve
from tests.originals import create_original

pytestmark = pytest.mark.anyio


async def gauges(settings) -> dict[str, float]:
    async with serve(settings) as api:
        text = (await api.http.get("/metrics")).text
    found = re.findall(r"^pacegraph_(\S+?) ([0-9.e+]+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_metrics_are_for_those_who_have_the_token(settings):
    changes = {"metrics_token": SecretStr("only-for-prometheus")}
    async with serve(settings.model_copy(update=changes)) as api:
        for sent in (
            None,
            "Bearer only-for-prometheu",
            "Basic only-for-prometheus",
            "Bearer ",
            "ü",
        ):
            headers = [(b"authorization", sent.encode())] if sent else []
            refused = await api.http.get("/metrics", headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert "pacegraph_" not in refused.text
        for sent in ("Bearer only-for-prometheus", "bearer only-for-prometheus"):
            shown = await api.http.get("/metrics", headers={"authorization": sent})
            assert "pacegraph_planned_operations_total" in shown.text


async def test_of_an_empty_queue(settings):
    shown = await gauges(settings)
    assert shown["job_gauges_read"] == 1
    assert shown['jobs{kind="STRAVA_SYNC",status="queued"}'] == 0
    assert shown["oldest_queued_job_seconds"] == shown["expired_leases"] == 0


async def test_of_stored_files(settings, db):
    athlete_id = make.create_athlete(db)
    make.create_upload(db, athlete_id, size_bytes=20, received_bytes=9)
    create_original(db, athlete_id, make.create_activity(db, athlete_id), packed_bytes=77)
    shown = await gauges(settings)
    for what, files, size in (
        ("uploads", 1, 9), ("exports", 0, 0), ("originals_database", 1, 77), ("originals_folder", 0, 0),
        ("originals_s3", 0, 0), ("samples_folder", 0, 0), ("samples_s3", 0, 0),
    ):  # fmt: skip
        assert shown[f'stored_files{{what="{what}"}}'] == files
        assert shown[f'stored_file_bytes{{what="{what}"}}'] == size
    assert shown["original_removals"] == shown["original_removals_failed"] == 0
    assert shown["uploads_under_way"] == shown["upload_bytes_total"] == 0


async def test_of_what_stands_still(settings, db):
    for _ in range(2):
        make.create_job(db, make.create_athlete(db), status="QUEUED")
    make.create_job(db, make.create_athlete(db), status="WAITING", kind="AGE_GRADES")
    make.create_job(db, make.create_athlete(db), status="RUNNING")
    make.create_job(db, make.create_athlete(db))
    make.create_job(db, make.create_athlete(db), status="FAILED")
    make.create_job(db, make.create_athlete(db), status="FAILED")
    long_ago = make.create_job(db, make.create_athlete(db), status="FAILED")
    db.exec_driver_sql(
        "UPDATE jobs SET created_at = now() - interval '2 h' WHERE id = %s", (long_ago,)
    )
    db.exec_driver_sql(
        "UPDATE jobs SET queued_at = now() - interval '100 s', enqueued_at = now() "
        "WHERE status = 'QUEUED'"
    )
    db.exec_driver_sql(
        "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE status = 'RUNNING'"
    )
    shown = await gauges(settings)
    assert shown['jobs{kind="STRAVA_SYNC",status="queued"}'] == 2
    assert shown['jobs{kind="STRAVA_SYNC",status="running"}'] == 1
    assert shown['jobs{kind="AGE_GRADES",status="waiting"}'] == 1
    assert 100 <= shown["oldest_queued_job_seconds"] < 160
    assert shown["expired_leases"] == 1
    assert shown['ended_jobs{kind="STRAVA_SYNC",status="succeeded"}'] == 1
    assert shown['ended_jobs{kind="STRAVA_SYNC",status="failed"}'] == 2
    assert shown['ended_jobs{kind="EXPORT",status="failed"}'] == 0


async def test_of_bad_answers_of_strava(settings, db):
    db.exec_driver_sql("INSERT INTO strava_troubles VALUES ('too_slow', 3)")
    db.commit()
    shown = await gauges(settings)
    assert shown['strava_troubles_total{kind="too_slow"}'] == 3
    assert shown['strava_troubles_total{kind="too_large"}'] == 0


async def test_of_stravas_quota(settings, db):
    assert 'strava_quota{window="day"' not in str(await gauges(settings))
    ledger = Ledger(day=CountedWindow(86_400, int(time.time() // 86_400), sent=[7, 5]))
    db.exec_driver_sql(
        "INSERT INTO strava_quotas VALUES (%s, 1, %s)",
        (settings.strava_client_id, ledger.to_text()),
    )
    for status in ("WAITING", "QUEUED"):
        make.create_job(db, make.create_athlete(db), status=status)
    db.exec_driver_sql("UPDATE jobs SET quota_until = now() + interval '1 h'")
    db.commit()
    shown = await gauges(settings)
    assert shown['strava_quota{requests="all",what="used",window="day"}'] == 7
    assert shown['strava_quota{requests="reads",what="limit",window="day"}'] == 1000
    assert shown['strava_quota{requests="reads",what="used",window="quarter_hour"}'] == 0
    assert shown['strava_quota{requests="reads",what="reserve",window="quarter_hour"}'] == 20
    assert shown["athletes_waiting_for_quota"] == 1


async def test_of_how_far_behind_strava_athletes_are(settings, db):
    empty = await gauges(settings)
    assert empty['sync_lag_seconds{athlete="worst",read="history"}'] == 0
    assert empty['athletes_by_sync_lag{lag="1h"}'] == 0
    ago, hour = "now() - interval '{} h'", {"1h": 0.5, "1d": 20, "2d": 30, "longer": 1000}
    for hours in hour.values():
        connected(db, last_synced_at=ago.format(hours / 10), history_walked_at=ago.format(hours))
    connected(db, history_walked_at=ago.format(5000), refused_at="now()")
    connected(db, connected_at=ago.format(5000))  # never asked for a sync
    first_import = connected(db, connected_at=ago.format(100))
    make.create_job(db, first_import, kind="STRAVA_SYNC", status="WAITING")
    db.commit()
    shown = await gauges(settings)
    counts = {name: shown[f'athletes_by_sync_lag{{lag="{name}"}}'] for name in (*hour, "7d")}
    assert counts == dict.fromkeys(hour, 1) | {"7d": 1}
    for read, athlete, hours in (
        ("list", "median", 3), ("list", "worst", 100), ("history", "median", 30), ("history", "worst", 1000),
    ):  # fmt: skip
        lag_s = shown[f'sync_lag_seconds{{athlete="{athlete}",read="{read}"}}']
        assert 0 <= lag_s - 3600 * hours < 60


def connected(db, **columns: str) -> int:
    """An athlete with a connection whose columns are these expressions."""
    athlete_id = make.create_athlete(db)
    connection_id = make.create_connection(db, athlete_id)
    values = ", ".join(f"{name} = {value}" for name, value in columns.items())
    db.exec_driver_sql(f"UPDATE strava_connections SET {values} WHERE id = {connection_id}")
    return athlete_id


async def test_without_the_database_the_rest_is_shown(settings):
    gone = SecretStr("postgresql://postgres@/absent?host=/nowhere")
    shown = await gauges(settings.model_copy(update={"database_url": gone}))
    assert shown["job_gauges_read"] == 0
    assert "oldest_queued_job_seconds" not in shown
    assert "operations_waiting" in shown
