"""The first part of a sync: which activities Strava has, page by page, and which it has no more.

The walk goes from the newest back, each page being those that began before the oldest one met. That moment is part of
the checkpoint, so activities that come or go meanwhile shift nothing. The oldest second itself is asked for again, for
activities may share it; where a page brings only what was met there, the page after it is read.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from athletics.sport import is_run
from db.models import StreamsState, Visibility
from db.statements import strava_connection, sync
from jobs.attempt import Attempt, Step
from jobs.services import Services
from jobs.settle import withdraw_hidden
from jobs.strava_tokens import AthleteStrava, StravaNotConnected
from jobs.sync_scope import SyncScope
from strava.errors import StravaBadData, StravaNotFound
from strava.payloads import StravaActivity

__all__ = ["CONFIRMING", "DERIVING", "Listing", "keep_connected"]

LISTING, CONFIRMING, DERIVING = "listing", "confirming", "deriving"
READ_ALL = "activity:read_all"
_OVERLAP = timedelta(days=7)  # a watch may deliver a run days later
_MAX_INTEGER = 2**31 - 1

Item = StravaActivity | StravaBadData


class Listing:
    """Brings the athlete's activities in step with Strava's list."""

    def __init__(self, attempt: Attempt, services: Services, strava: AthleteStrava, scope: SyncScope) -> None:
        assert attempt.athlete_id is not None
        self._attempt = attempt
        self._athlete_id = attempt.athlete_id
        self._services = services
        self._strava = strava
        self._scope = scope

    def run(self) -> None:
        """Go on from the checkpoint to the end of the listing."""
        if self._scope.activity_id is not None:
            self._look_at(self._scope.activity_id)
            return
        horizon = self._horizon()
        while self._phase() == LISTING:
            self._store(self._next_page(), horizon)
        if self._phase() == CONFIRMING:
            self._confirm_unseen()

    def _phase(self) -> str:
        return str(self._attempt.checkpoint.get("phase", LISTING))

    def _horizon(self) -> datetime | None:
        """A page of known activities from before this ends an incremental walk; None: walk all."""
        with self._attempt.read() as connection:
            known = connection.execute(strava_connection.of_athlete(), {"athlete": self._athlete_id}).one_or_none()
        if known is None:
            raise StravaNotConnected(self._athlete_id)
        whole = self._scope.full or not self._scope.is_everything or known.history_complete_at is None
        return None if whole or known.last_synced_at is None else known.last_synced_at - _OVERLAP

    # --- pages

    def _next_page(self) -> Sequence[Item]:
        checkpoint, per_page = self._attempt.checkpoint, self._services.settings.strava_page_size
        oldest = checkpoint.get("oldest")
        before = self._scope.before if oldest is None else datetime.fromtimestamp(oldest + 1, UTC)
        page = checkpoint.get("page", 1)
        return self._strava.ask(
            lambda client, token: client.activities(
                token, page=page, per_page=per_page, before=before, after=self._scope.after
            )
        )

    def _store(self, items: Sequence[Item], horizon: datetime | None) -> None:
        """Write one page and move on, in one transaction."""
        rows, bad = self._rows(items)
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            changed = self._upsert(step, rows) if rows else 0
            _move(step, items)
            _note_unreadable(step, bad)
            oldest = min((row["started_at"] for row in rows), default=None)
            known_ground = not changed and horizon is not None and oldest is not None and oldest < horizon
            if not items or known_ground:
                step.checkpoint["phase"] = CONFIRMING if self._scope.full else DERIVING
        for error in bad:
            self._services.log.warning("an activity cannot be read", extra={"error": str(error)})

    def _rows(self, items: Iterable[Item]) -> tuple[list[dict[str, Any]], list[StravaBadData]]:
        """Rows to write, one an activity, and the items that cannot be."""
        rows: dict[int, dict[str, Any]] = {}
        bad = []
        for item in items:
            if isinstance(item, StravaBadData):
                bad.append(item)
            elif problem := _problem(item):
                bad.append(problem)
            elif self._scope.covers(item.started_at_local):
                rows[item.strava_id] = _activity_row(self._athlete_id, item)
        return list(rows.values()), bad

    def _upsert(self, step: Step, rows: list[dict[str, Any]]) -> int:
        """Write activities, and count and return how many were new or different."""
        written = step.connection.execute(sync.upsert_from_strava(rows)).all()
        if self._scope.full:
            self._mark_seen(step, [row["strava_id"] for row in rows])
        withdraw_hidden(step.connection, self._athlete_id, [row.id for row in written])
        created = sum(row.created for row in written)
        step.created += created
        step.updated += len(written) - created
        return len(written)

    def _mark_seen(self, step: Step, strava_ids: list[int]) -> None:
        values = {"athlete": self._athlete_id, "strava_ids": strava_ids, "job_id": self._attempt.job_id}
        step.connection.execute(sync.mark_seen(), values)

    # --- single activities

    def _confirm_unseen(self) -> None:
        """Delete what a full walk did not meet, each only where Strava says that it is not there."""
        for strava_id in self._unseen():
            try:
                self._look_at(strava_id)
            except StravaBadData as error:
                self._services.log.warning("an activity cannot be read", extra={"error": str(error)})
        with self._attempt.step() as step:
            step.checkpoint["phase"] = DERIVING

    def _unseen(self) -> list[int]:
        """Strava ids of activities that the walk should have met and did not."""
        with self._attempt.read() as connection:
            grant = connection.execute(strava_connection.of_athlete(), {"athlete": self._athlete_id}).one_or_none()
            values = {"athlete": self._athlete_id, "job_id": self._attempt.job_id}
            unseen = connection.execute(sync.unseen(), values).all()
        sees_private = grant is not None and READ_ALL in grant.scopes
        return [
            row.strava_id
            for row in unseen
            if self._scope.covers(row.started_at_local) and (sees_private or row.visibility != Visibility.ONLY_ME)
        ]

    def _look_at(self, strava_id: int) -> None:
        """Bring one activity in step: write it, or delete it where Strava has none of the id."""
        activity: StravaActivity | None
        try:
            activity = self._strava.ask(lambda client, token: client.activity(token, strava_id))
        except StravaNotFound:
            activity = None
        if activity and (problem := _problem(activity)):
            raise problem
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            if activity:
                self._upsert(step, [_activity_row(self._athlete_id, activity)])
            else:
                values = {"athlete": self._athlete_id, "strava_ids": [strava_id]}
                step.deleted += len(step.connection.execute(sync.delete_activities(), values).all())


def keep_connected(connection: Connection, athlete_id: int) -> None:
    """Hold the athlete and the connection until the commit. Raises StravaNotConnected: then nothing may be written."""
    connection.execute(sync.lock_athlete(), {"athlete": athlete_id})
    if connection.execute(strava_connection.keep_connected(), {"athlete": athlete_id}).one_or_none() is None:
        raise StravaNotConnected(athlete_id)


def _move(step: Step, items: Sequence[Item]) -> None:
    """Set the checkpoint behind `items`: `oldest` in epoch seconds, and the ids met in that very second."""
    starts = {item.strava_id: int(item.started_at.timestamp()) for item in items if isinstance(item, StravaActivity)}
    met = set(step.checkpoint.get("met", ()))
    if starts.keys() <= met:
        step.checkpoint["page"] = step.checkpoint.get("page", 1) + 1
        return
    oldest = min(starts.values())
    if oldest != step.checkpoint.get("oldest"):
        met = set()
    met |= {strava_id for strava_id, start in starts.items() if start == oldest}
    listed = step.checkpoint.get("listed", 0) + len(starts.keys() - set(step.checkpoint.get("met", ())))
    step.checkpoint |= {"oldest": oldest, "met": sorted(met), "page": 1, "listed": listed}
    step.message = f"{listed} activities listed"


def _note_unreadable(step: Step, bad: Iterable[StravaBadData]) -> None:
    """Remember them by id: the oldest second of a page is read twice."""
    known = step.checkpoint.get("unreadable", [])
    unreadable = [*known, *(error.strava_id for error in bad if error.strava_id not in known)]
    if unreadable:
        step.checkpoint["unreadable"] = unreadable
        step.message = f"{step.checkpoint.get('listed', 0)} activities listed, {len(unreadable)} cannot be read"


def _problem(activity: StravaActivity) -> StravaBadData | None:
    """Why the database would not take the activity."""
    for name in ("moving_time_s", "elapsed_time_s"):
        if getattr(activity, name) > _MAX_INTEGER:
            return StravaBadData(name, "is too large", strava_id=activity.strava_id)
    return None


def _activity_row(athlete_id: int, activity: StravaActivity) -> dict[str, Any]:
    return {
        "athlete_id": athlete_id,
        "strava_id": activity.strava_id,
        "name": activity.name,
        "sport_type": activity.sport_type,
        "started_at": activity.started_at,
        "started_at_local": activity.started_at_local,
        "timezone": activity.timezone or "UTC",
        "distance_m": activity.distance_m,
        "moving_time_s": activity.moving_time_s,
        "elapsed_time_s": activity.elapsed_time_s,
        "elevation_gain_m": activity.elevation_gain_m,
        "average_heart_rate_bpm": activity.average_heart_rate_bpm,
        "max_heart_rate_bpm": activity.max_heart_rate_bpm,
        "average_cadence_rpm": activity.average_cadence,
        "visibility": activity.visibility,
        "flagged": activity.flagged,
        "manual": activity.manual,
        "streams_state": _first_streams_state(activity),
    }


def _first_streams_state(activity: StravaActivity) -> StreamsState:
    if not is_run(activity.sport_type):
        return StreamsState.UNWANTED
    return StreamsState.ABSENT if activity.manual else StreamsState.PENDING
