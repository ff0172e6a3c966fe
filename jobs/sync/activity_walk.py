"""The first part of a sync: reads which activities Strava has, and which it no longer has.

Activities are read newest first. Each page asks for those that started before the oldest seen so
far. The checkpoint holds that time, so activities that are added or deleted during the walk do not
shift the pages. Activities may share a second, so each page asks for the oldest second again; if it
brings only activities that were seen, the next page is read.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from db.models import Visibility
from db.statements import activity as activities
from db.statements import athlete as athletes
from db.statements import source_retention, strava_connection
from jobs.athlete_strava import AGAIN_AFTER_S, AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.activity_row import activity_row, row_problem
from jobs.sync.details import write_details_of
from jobs.sync.gear import with_gear
from jobs.sync.personal_bests import withdraw_hidden
from jobs.sync.problems import OF_THE_JOB, Unanswered, check_doubtful, clear_problem, record_problem
from jobs.sync.scope import SyncScope
from jobs.task_services import TaskServices
from strava.errors import StravaBadData, StravaNotFound, StravaUnavailable
from strava.payloads import StravaActivity, StravaActivityDetail

LISTING, CONFIRMING, DERIVING = "listing", "confirming", "deriving"
WALKED = "walked"  # key of the checkpoint: the listing came to the end of the history
_BRINGS_NEW = "brings_new"  # there were new activities, so the walk's pages are free
_UNCONFIRMED = "unconfirmed"  # and Strava ids that may be gone
READ_ALL = "activity:read_all"
_ONE_SECOND = timedelta(seconds=1)
GONE_AFTER_S = 1.0
"""Seconds until an activity that Strava does not find is asked for again, before it is deleted."""
_OVERLAP = timedelta(days=7)  # a watch may deliver a run days later
_WALKED_EVERY = timedelta(days=1)  # so that a run uploaded later than newer ones is found
_REFUSED_ROW = (DataError, IntegrityError, OverflowError, TypeError, ValueError)

Item = StravaActivity | StravaBadData


class ActivityWalk:
    """Updates the athlete's activities to match Strava's list."""

    def __init__(
        self,
        attempt: Attempt,
        services: TaskServices,
        strava: AthleteStrava,
        scope: SyncScope,
        *,
        is_charged: bool = True,
    ) -> None:
        """With `is_charged`, the athlete's budget of syncs pays for a single activity."""
        assert attempt.athlete_id is not None
        self._attempt = attempt
        self._athlete_id = attempt.athlete_id
        self._is_charged = is_charged
        self._services = services
        self._strava = strava
        self._scope = scope
        self.unavailable: Unanswered | None = None
        """Strava's last failure to answer for one activity."""
        self.found_nothing = False
        """Whether the activity of the sync is neither at Strava nor here."""

    def run(self) -> None:
        """Continue from the checkpoint to the end of the list."""
        if self._scope.activity_id is not None:
            self._look_at_one(self._scope.activity_id)
            return
        horizon = self._horizon()
        while self._phase() == LISTING:
            self._store(self._next_page(), horizon)
        if self._phase() == CONFIRMING:
            self._begin_confirming()
        self._confirm_unseen()

    def _phase(self) -> str:
        return str(self._attempt.checkpoint.get("phase", LISTING))

    def _horizon(self) -> datetime | None:
        """A page of known activities from before this ends an incremental walk; None: walk all."""
        with self._attempt.read() as connection:
            known = connection.execute(
                strava_connection.of_athlete(), {"athlete": self._athlete_id}
            ).one_or_none()
        if known is None:
            raise StravaNotConnected(self._athlete_id)
        whole = (
            self._scope.full
            or not self._scope.is_everything
            or known.history_complete_at is None
            or known.history_walked_at is None
            or self._attempt.started_at - known.history_walked_at >= _WALKED_EVERY
        )
        return None if whole or known.last_synced_at is None else known.last_synced_at - _OVERLAP

    # --- pages

    def _next_page(self) -> Sequence[Item]:
        """Read a page; an empty one where there should be activities is asked for again."""
        items = self._ask_for_page()
        for pause_s in AGAIN_AFTER_S:
            if items or not self._is_odd_end():
                break
            self._attempt.pause(pause_s)
            items = self._ask_for_page()
        return items

    def _is_odd_end(self) -> bool:
        """Whether an empty page is odd here: a first page repeats the oldest activity, if any."""
        checkpoint = self._attempt.checkpoint
        is_first = checkpoint.get("page", 1) == 1
        return is_first and ("oldest" in checkpoint or self._scope.is_everything)

    def _ask_for_page(self) -> Sequence[Item]:
        checkpoint, per_page = self._attempt.checkpoint, self._services.settings.strava_page_size
        oldest = checkpoint.get("oldest")
        before = self._scope.before if oldest is None else datetime.fromtimestamp(oldest + 1, UTC)
        page = checkpoint.get("page", 1)
        return self._strava.ask(
            # Not `after`: with it Strava lists the oldest first.
            lambda client, token: client.activities(
                token, page=page, per_page=per_page, before=before
            ),
            charged=_BRINGS_NEW not in checkpoint,
        )

    def _store(self, items: Sequence[Item], horizon: datetime | None) -> None:
        """Write one page and move on, in one transaction."""
        rows, bad = self._rows(items)
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            changed = self._upsert_readable(step, rows, bad) if rows else 0
            if step.created and _BRINGS_NEW not in step.checkpoint:
                step.checkpoint[_BRINGS_NEW] = True
                self._strava.budget.give_back(step.connection)
            _move(step, items)
            self._record_unreadable(step, bad)
            oldest = min((row["started_at"] for row in rows), default=None)
            known_ground = (
                not changed and horizon is not None and oldest is not None and oldest < horizon
            )
            if not items or known_ground or self._is_past_scope(items):
                step.checkpoint["phase"] = CONFIRMING if self._scope.full else DERIVING
                step.checkpoint[WALKED] = not items
        for error in bad:
            self._services.log.warning("an activity cannot be read", extra={"error": str(error)})

    def _is_past_scope(self, items: Sequence[Item]) -> bool:
        """Whether a page reached activities from before the scope."""
        after = self._scope.after
        starts = (item.started_at for item in items if isinstance(item, StravaActivity))
        return after is not None and any(start <= after for start in starts)

    def _rows(self, items: Iterable[Item]) -> tuple[list[dict[str, Any]], list[StravaBadData]]:
        """Rows to write, one an activity, and the items that cannot be."""
        rows: dict[int, dict[str, Any]] = {}
        bad = []
        for item in items:
            if isinstance(item, StravaBadData):
                bad.append(item)
            elif problem := row_problem(item):
                bad.append(problem)
            elif self._scope.covers(item.started_at_local):
                rows[item.strava_id] = activity_row(self._athlete_id, item)
        return list(rows.values()), bad

    def _upsert_readable(
        self, step: Step, rows: list[dict[str, Any]], bad: list[StravaBadData]
    ) -> int:
        """As `_upsert`, but a row that the database refuses goes to `bad` and the others are kept."""
        try:
            with step.connection.begin_nested():
                return self._upsert(step, rows)
        except _REFUSED_ROW:
            if len(rows) > 1:
                return sum(self._upsert_readable(step, [row], bad) for row in rows)
        bad.append(StravaBadData("activity", "cannot be stored", strava_id=rows[0]["strava_id"]))
        return 0

    def _record_unreadable(self, step: Step, bad: Iterable[StravaBadData]) -> None:
        """Record each once, by its id: the oldest second of a page is read twice."""
        unreadable = list(step.checkpoint.get("unreadable", ()))
        for error in bad:
            if error.strava_id not in unreadable:
                unreadable.append(error.strava_id)
                record_problem(step, self._attempt, error.strava_id, error)
        if unreadable:
            step.checkpoint["unreadable"] = unreadable
            listed = step.checkpoint.get("listed", 0)
            step.message = f"{listed} activities listed, {len(unreadable)} cannot be read"

    def _upsert(self, step: Step, rows: list[dict[str, Any]]) -> int:
        """Write activities, and count and return how many were new or different."""
        rows = with_gear(step.connection, self._athlete_id, rows)
        written = step.connection.execute(activities.upsert_from_strava(rows)).all()
        listed = [row["strava_id"] for row in rows]
        values = {"athlete": self._athlete_id, "strava_ids": listed}
        step.connection.execute(source_retention.confirm(), values)
        if self._scope.full:
            self._mark_seen(step, listed)
        withdraw_hidden(step.connection, self._athlete_id, [row.id for row in written])
        created = sum(row.created for row in written)
        step.created += created
        step.updated += len(written) - created
        return len(written)

    def _mark_seen(self, step: Step, strava_ids: list[int]) -> None:
        values = {
            "athlete": self._athlete_id,
            "strava_ids": strava_ids,
            "job_id": self._attempt.job_id,
        }
        step.connection.execute(activities.mark_seen(), values)

    # --- single activities

    def _begin_confirming(self) -> None:
        unseen = self._unseen()
        with self._attempt.step() as step:
            step.checkpoint |= {"phase": DERIVING, _UNCONFIRMED: unseen}

    def _confirm_unseen(self) -> None:
        """Delete activities that a full walk did not see, if Strava says that they do not exist.

        It has to say so twice. If it does not answer for one, the next attempt asks again.
        """
        self._look_at_unconfirmed(may_delete=False)
        if self._attempt.checkpoint.get(_UNCONFIRMED):
            self._attempt.pause(GONE_AFTER_S)
            self._look_at_unconfirmed(may_delete=True)

    def _look_at_unconfirmed(self, *, may_delete: bool) -> None:
        for strava_id in self._attempt.checkpoint.get(_UNCONFIRMED, ()):
            try:
                is_there = self._look_at(strava_id, may_delete=may_delete)
            except OF_THE_JOB:
                raise
            except Exception as error:  # noqa: BLE001 - of this activity only
                self._services.log.warning(
                    "an activity cannot be read",
                    extra={"strava_id": strava_id, "error": str(error)},
                )
                self.leave_out(strava_id, error)
            else:
                if is_there or may_delete:
                    self._confirmed(strava_id)

    def leave_out(self, strava_id: int, error: Exception) -> None:
        """Record the problem of an activity. Raises if Strava would not answer for others either."""
        check_doubtful(self._strava, error)
        with self._attempt.step() as step:
            record_problem(step, self._attempt, strava_id, error)
        if isinstance(error, Unanswered):
            self.unavailable = error

    def _confirmed(self, strava_id: int) -> None:
        with self._attempt.step() as step:
            unconfirmed = step.checkpoint[_UNCONFIRMED]
            step.checkpoint[_UNCONFIRMED] = [each for each in unconfirmed if each != strava_id]
            clear_problem(step, self._attempt, strava_id)

    def _unseen(self) -> list[int]:
        """Strava ids of activities that the walk should have seen and did not."""
        with self._attempt.read() as connection:
            grant = connection.execute(
                strava_connection.of_athlete(), {"athlete": self._athlete_id}
            ).one_or_none()
            values = {"athlete": self._athlete_id, "job_id": self._attempt.job_id}
            unseen = connection.execute(activities.unseen(), values).all()
        sees_private = grant is not None and READ_ALL in grant.scopes
        return [
            row.strava_id
            for row in unseen
            if self._scope.covers(row.started_at_local)
            and (sees_private or row.visibility != Visibility.ONLY_ME)
        ]

    def _look_at_one(self, strava_id: int) -> None:
        """Update the activity of the sync, or delete it if Strava neither has nor lists it."""
        is_there = self._look_at(strava_id, may_delete=False, charged=self._is_charged)
        if not is_there and self._is_listed(strava_id):
            raise StravaUnavailable("it lists an activity that it does not find")
        if not is_there and not self.found_nothing:
            self._look_at(strava_id, may_delete=True)

    def _is_listed(self, strava_id: int) -> bool:
        """Whether Strava's list still has an activity that is known here."""
        values = {"athlete": self._athlete_id, "strava_id": strava_id}
        with self._attempt.read() as connection:
            started_at = connection.execute(activities.start(), values).scalar_one_or_none()
        if started_at is None:
            self.found_nothing = True
            return False
        items = self._strava.ask(
            lambda client, token: client.activities(token, before=started_at + _ONE_SECOND)
        )
        return any(item.strava_id == strava_id for item in items)

    def _look_at(self, strava_id: int, *, may_delete: bool, charged: bool = False) -> bool:
        """Update one activity; returns whether Strava has it. Else it is deleted if it may be."""
        activity: StravaActivityDetail | None
        try:
            activity = self._strava.ask(
                lambda client, token: client.activity(token, strava_id), charged=charged
            )
        except StravaNotFound:
            activity = None
        if activity and self._is_of_another(activity):
            activity = None
        if activity is None and not may_delete:
            return False
        if activity and (problem := row_problem(activity)):
            raise problem
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            if activity:
                self._upsert(step, [activity_row(self._athlete_id, activity)])
                write_details_of(step.connection, self._athlete_id, activity)
            else:
                values = {"athlete": self._athlete_id, "strava_ids": [strava_id]}
                step.deleted += len(
                    step.connection.execute(activities.delete_by_strava_id(), values).all()
                )
        return activity is not None

    def _is_of_another(self, activity: StravaActivity) -> bool:
        """Whether Strava showed an activity of another athlete, as it does with public ones."""
        if activity.athlete_strava_id is None:
            return False
        with self._attempt.read() as connection:
            known = connection.execute(
                strava_connection.of_athlete(), {"athlete": self._athlete_id}
            ).one_or_none()
        return known is not None and known.strava_athlete_id != activity.athlete_strava_id


def keep_connected(connection: Connection, athlete_id: int) -> None:
    """Lock the athlete and the connection until the commit.

    Raises StravaNotConnected; then nothing may be written.
    """
    connection.execute(athletes.lock(), {"athlete": athlete_id})
    if (
        connection.execute(
            strava_connection.keep_connected(), {"athlete": athlete_id}
        ).one_or_none()
        is None
    ):
        raise StravaNotConnected(athlete_id)


def _move(step: Step, items: Sequence[Item]) -> None:
    """Move the checkpoint past `items`.

    It holds `oldest`, in epoch seconds, and `met`, the ids seen in that second.
    """
    starts = {
        item.strava_id: int(item.started_at.timestamp())
        for item in items
        if isinstance(item, StravaActivity)
    }
    met = set(step.checkpoint.get("met", ()))
    if starts.keys() <= met:
        step.checkpoint["page"] = step.checkpoint.get("page", 1) + 1
        return
    # Times before 1970 are asked for together, page by page.
    oldest = max(0, min(starts.values()))
    if oldest != step.checkpoint.get("oldest"):
        met = set()
    met |= {strava_id for strava_id, start in starts.items() if start <= oldest}
    listed = step.checkpoint.get("listed", 0) + len(
        starts.keys() - set(step.checkpoint.get("met", ()))
    )
    step.checkpoint |= {"oldest": oldest, "met": sorted(met), "page": 1, "listed": listed}
    step.message = f"{listed} activities listed"
