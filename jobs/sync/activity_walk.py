"""The first part of a sync: reads which activities Strava has, and which it no longer has.

Activities are read newest first. Each page asks for those that started before the oldest seen so
far, and for its second again, which activities may share; where that brings only what was seen, the
next page is read. The checkpoint holds that time, so what changes meanwhile shifts no page.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from db.models import SyncStage
from db.statements.activities import activity as activities
from db.statements.activities import activity_deletion, source_retention
from db.statements.new_rows import values_of
from db.statements.strava import strava_connection, sync_problem
from jobs.athlete_strava import AGAIN_AFTER_S, AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.activity_row import activity_row, row_problem
from jobs.sync.changes import note_changes
from jobs.sync.connection_lock import is_of_another, keep_connected
from jobs.sync.deleted_here import deleted_here, without_deleted
from jobs.sync.details import write_details_of
from jobs.sync.gear import with_gear
from jobs.sync.personal_bests import withdraw_hidden
from jobs.sync.problems import (
    REFUSED_DATA,
    Unanswered,
    check_doubtful,
    clear_problem,
    record_problem,
)
from jobs.sync.scope import SyncScope
from jobs.sync.unseen_activities import UnseenActivities
from jobs.sync.walk_position import (
    CONFIRMING,
    DERIVING,
    LISTING,
    WALKED,
    Item,
    latest_start,
    move,
)
from jobs.task_services import TaskServices
from strava.errors import StravaBadData, StravaNotFound, StravaUnavailable
from strava.payloads import StravaActivity, StravaActivityDetail

_BRINGS_NEW = (
    "brings_new"  # key of the checkpoint: there were new activities, so the walk's pages are free
)
READ = "read"  # and the single activity whose summary was read last
_MISSING = "missing"  # and the single activity that it did not find, and how far that is known
NEWS = "news"  # and the Strava ids that the newest page changed and whose efforts are to be derived
_ONE_SECOND = timedelta(seconds=1)
_INCREMENTAL_OVERLAP = timedelta(days=7)  # a watch may deliver a run days later
_LARGEST_PAGE = 200  # that Strava allows
_WHOLE_WALK_EVERY = timedelta(days=1)  # so that a run uploaded later than newer ones is found


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
        """With `is_charged`, the athlete's budget of syncs pays."""
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
        self.may_come_later = False
        """Whether that may be because Strava told of it before it can be read."""
        self.has_changed = False
        """Whether anything was written."""
        self._written = set[int]()

    def run(self) -> None:
        """Continue from the checkpoint to the end of the list."""
        if self._scope.activity_id is not None:
            self._look_at_one(self._scope.activity_id)
            return
        horizon = self._horizon()
        while self._phase() == LISTING:
            self._store(self._next_page(), horizon)
        unseen = UnseenActivities(
            self._attempt, self._services, self._scope, self._look_at, self.leave_out
        )
        if self._phase() == CONFIRMING:
            unseen.begin()
        unseen.confirm()

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
            or self._attempt.started_at - known.history_walked_at >= _WHOLE_WALK_EVERY
        )
        if whole or known.last_synced_at is None:
            return None
        last: datetime = known.last_synced_at
        return last - _INCREMENTAL_OVERLAP

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
        checkpoint = self._attempt.checkpoint
        # What no one waits for takes as few requests as it can.
        size = self._services.settings.strava_page_size
        per_page = _LARGEST_PAGE if self._scope.nightly else size
        oldest = checkpoint.get("oldest")
        before = self._scope.before if oldest is None else datetime.fromtimestamp(oldest + 1, UTC)
        page = checkpoint.get("page", 1)
        return self._strava.ask(
            # Not `after`: with it Strava lists the oldest first.
            lambda client, token: client.activities(
                token, page=page, per_page=per_page, before=before
            ),
            charged=self._is_charged and _BRINGS_NEW not in checkpoint,
        )

    def _store(self, items: Sequence[Item], horizon: datetime | None) -> None:
        """Write one page and move on, in one transaction."""
        rows, bad = self._rows(items)
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            changed = self._upsert_readable(step, rows, bad) if rows else 0
            if step.created and self._is_charged and _BRINGS_NEW not in step.checkpoint:
                step.checkpoint[_BRINGS_NEW] = True
                self._strava.budget.give_back(step.connection)
            move(step, items)
            self._record_unreadable(step, bad)
            oldest = min((row["started_at"] for row in rows), default=None)
            known_ground = (
                not changed and horizon is not None and oldest is not None and oldest < horizon
            )
            if not items or known_ground or self._is_past_scope(items):
                step.checkpoint["phase"] = CONFIRMING if self._scope.full else DERIVING
                step.checkpoint[WALKED] = not items
            if step.checkpoint.get(WALKED) and None not in step.checkpoint.get("unreadable", ()):
                clear_problem(step, self._attempt, None)
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
        except REFUSED_DATA:
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
                record_problem(step, self._attempt, error.strava_id, error, stage=SyncStage.READING)
        if unreadable:
            step.checkpoint["unreadable"] = unreadable
            listed = step.checkpoint.get("listed", 0)
            step.message = f"{listed} activities listed, {len(unreadable)} cannot be read"

    def _upsert(self, step: Step, rows: list[dict[str, Any]]) -> int:
        """Write activities, and count and return how many were new or different."""
        rows = without_deleted(step.connection, self._athlete_id, rows)
        if not rows:
            return 0
        told = {"rows": values_of(with_gear(step.connection, self._athlete_id, rows))}
        written = step.connection.execute(activities.upsert_from_strava(), told).all()
        values = {
            "athlete": self._athlete_id,
            "strava_ids": [row["strava_id"] for row in rows],
            "job_id": self._attempt.job_id,
        }
        for statement in activity_deletion.apply_choices():
            step.connection.execute(statement, values)
        step.connection.execute(source_retention.confirm(), values)
        step.connection.execute(sync_problem.solve_read(), values)
        if self._scope.full:
            step.connection.execute(activities.mark_seen(), values)
        self.has_changed |= bool(written)
        self._written |= {row.strava_id for row in written}
        ids = [row.id for row in written]
        note_changes(step.connection, self._athlete_id, step.job_id, activities=ids)
        withdraw_hidden(step.connection, self._athlete_id, step.job_id, ids)
        created = sum(row.created for row in written)
        step.created += created
        step.updated += len(written) - created
        return len(written)

    def read_newest(self) -> tuple[set[int], datetime]:
        """Store what Strava lists first; returns its ids, and how far back the list reaches.

        Ids of what changed are in the checkpoint, newest first (`NEWS`).
        """
        items = self._strava.ask(
            lambda client, token: client.activities(token, per_page=_LARGEST_PAGE)
        )
        rows, bad = self._rows(items)
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            if rows:
                self._upsert_readable(step, rows, bad)
            self._record_unreadable(step, bad)
            news = self._written.union(step.checkpoint.get(NEWS, ()))
            step.checkpoint[NEWS] = sorted(news, reverse=True)
        oldest = min((row["started_at"] for row in rows), default=datetime.max.replace(tzinfo=UTC))
        return {item.strava_id for item in items if item.strava_id is not None}, oldest

    # --- single activities

    def leave_out(self, strava_id: int, error: Exception) -> None:
        """Record the problem of an activity. Raises if Strava would not answer for others either."""
        check_doubtful(self._strava, error)
        with self._attempt.step() as step:
            record_problem(step, self._attempt, strava_id, error, stage=SyncStage.READING)
        if isinstance(error, Unanswered):
            self.unavailable = error

    def _look_at_one(self, strava_id: int) -> None:
        """Update the activity of the sync, or delete it if Strava neither has nor lists it."""
        with self._attempt.read() as connection:
            if deleted_here(connection, self._athlete_id, [strava_id]):
                self.found_nothing = True
                return
        if self._missing(strava_id) is None:
            if self._look_at(strava_id, may_delete=False, charged=self._is_charged):
                return
            self._note_missing(strava_id, "not found")
        if self._missing(strava_id) == "not found":
            if self._is_listed(strava_id):
                self._note_missing(strava_id, None)
                raise StravaUnavailable("it lists an activity that it does not find")
            self._note_missing(strava_id, None if self.found_nothing else "not listed")
        if not self.found_nothing:
            self._look_at(strava_id, may_delete=True)

    def _missing(self, strava_id: int) -> str | None:
        """What is known of an activity that Strava may not have any more."""
        noted, what = self._attempt.checkpoint.get(_MISSING, (None, None))
        return what if noted == strava_id else None

    def _note_missing(self, strava_id: int, what: str | None) -> None:
        """Note it, so that another attempt need not ask again."""
        with self._attempt.step() as step:
            step.checkpoint[_MISSING] = [strava_id, what]

    def _is_listed(self, strava_id: int) -> bool:
        """Whether Strava's list still has an activity that is known here."""
        values = {"athlete": self._athlete_id, "strava_id": strava_id}
        with self._attempt.read() as connection:
            known = connection.execute(activities.start(), values).one_or_none()
        if known is None:
            self.found_nothing = self.may_come_later = True
            return False
        before = latest_start(known.started_at, is_hidden=known.is_hidden) + _ONE_SECOND
        items = self._strava.ask(lambda client, token: client.activities(token, before=before))
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
        with self._attempt.read() as connection:
            if activity and is_of_another(connection, self._athlete_id, activity.athlete_strava_id):
                activity = None
        if activity is None and not may_delete:
            return False
        if activity and (problem := row_problem(activity)):
            raise problem
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            step.checkpoint.pop(_MISSING, None)
            step.checkpoint[READ] = strava_id
            if activity:
                self._upsert(step, [activity_row(self._athlete_id, activity)])
                if not deleted_here(step.connection, self._athlete_id, [strava_id]):
                    of = step.connection, self._athlete_id, step.job_id
                    note_changes(*of, activities=[write_details_of(*of, activity)])
            else:
                values = {"athlete": self._athlete_id, "strava_ids": [strava_id]}
                rows = step.connection.execute(activity_deletion.delete_by_strava_id(), values)
                gone, left = activity_deletion.gone_and_left(rows)
                step.deleted += len(gone)
                of = step.connection, self._athlete_id, step.job_id
                note_changes(*of, activities=left, deleted=gone)
                self.has_changed |= bool(gone)
                clear_problem(step, self._attempt, strava_id)
        return activity is not None
