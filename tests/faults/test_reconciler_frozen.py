"""A leader that is frozen, as when its machine is paused, loses its lead."""

import signal
import time

import psutil
import pytest
from sqlalchemy import text

from jobs.reconcile import Reconciler

pytestmark = pytest.mark.whole

TAKEN_OVER_WITHIN_S = 25
"""Five seconds until PostgreSQL ends the transaction, an interval, and the start of workers."""


def reconciler_of(workers) -> psutil.Process:
    """The child of the pool that said so."""
    pids = {each.pid: each for each in workers.below() if each.ppid() == workers.process.pid}
    assert pids
    return pids[max(pids)]  # it is started last


def test_another_reconciler_takes_over(world):
    job_id = world.create(world.connect())
    world.write(
        "UPDATE jobs SET status = 'RUNNING', attempts = 1, lease_until = now() - interval '1 s'"
    )
    with world.database.write() as holder:
        holder.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
        first = world.start_workers()
        # The leader waits for the table in the middle of its pass, and is frozen there.
        waiting = (
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pacegraph-reconciler' "
            "AND wait_event_type = 'Lock'"
        )
        world.until(lambda: world.rows(waiting))
        leader = reconciler_of(first)
        leader.send_signal(signal.SIGSTOP)
    frozen_at = time.monotonic()
    world.until(
        lambda: world.rows(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pacegraph-reconciler' "
            "AND state = 'idle in transaction'"
        )
    )
    world.start_workers()
    row = world.await_job(job_id, "SUCCEEDED")
    assert row["attempts"] == 2
    started = world.value("SELECT extract(epoch FROM now() - attempt_started_at) FROM jobs")
    assert time.monotonic() - frozen_at - float(started) < TAKEN_OVER_WITHIN_S
    # Thawed, the former leader changes nothing and goes on as one of two.
    leader.send_signal(signal.SIGCONT)
    world.until(lambda: "the reconciler works again" in first.log)
    assert world.job(job_id)["version"] == row["version"]


def test_two_leaders_at_once_do_no_harm(world, monkeypatch):
    """As when the first one's lock was lost: each change is made once."""
    ids = [world.create(world.athlete()) for _ in range(20)]
    world.write(
        "UPDATE jobs SET status = 'RUNNING', attempts = 1, lease_until = now() - interval '1 s'"
    )
    from concurrent.futures import ThreadPoolExecutor

    from db.statements.jobs import reconciler_lock

    monkeypatch.setattr(reconciler_lock, "lead", lambda: text("SELECT true"))
    looks = [Reconciler(world.settings, world.database, world.redis).run_once for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(look) for look in looks]:
            done.result()
    rows = [world.job(each) for each in ids]
    assert {(row["status"], row["failures"], row["version"]) for row in rows} == {("QUEUED", 1, 1)}


def test_an_idle_transaction_of_ours_is_ended(world):
    settings = world.settings.model_copy(update={"database_idle_transaction_timeout_ms": 300})
    from db.session import SyncDatabase

    database = SyncDatabase(settings, application_name="idle")
    connection = database.engine.connect()
    connection.execute(text("SELECT pg_advisory_xact_lock(4711)"))
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"
    assert world.rows(held)
    world.until(lambda: not world.rows(held))
    connection.invalidate()
    database.close()
