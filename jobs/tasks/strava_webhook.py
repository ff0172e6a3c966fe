"""STRAVA_WEBHOOK: applies what Strava's webhook told of one athlete.

The job takes the athlete's stored events and looks each object up at Strava, because events are
unsigned, repeated and unordered. An activity is handled as by a sync of that activity alone. If
Strava refuses to renew the athlete's tokens, the access was revoked: the data is deleted by a job of its
own. Events are deleted in the transaction that updates the personal bests with them. Events that
the job does not apply are due again after a pause; the reconciler then creates another job. So are
those of activities that Strava does not find, or has no streams of: it may tell of an activity
before it can be read.

A look-up that brings no news is paid from a budget of the athlete's events. When it is used up, the
job waits, then reads the newest of Strava's list, which one request brings, and drops all events
but of activities that should be in it: so events that someone invented cost a few requests an
hour, and what is really new is there all the same. The rest is left to the nightly sync. An end of
the access is proved without the budget, now and then. What Strava does not answer costs nothing,
and while it does not answer whether the access ended, the job asks for nothing else.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from db.models import ErasureCause, JobKind, StravaObject
from db.statements.activities import activity as activities
from db.statements.jobs import job
from db.statements.strava import strava_connection, strava_event
from jobs import retry_pauses
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.lease import AttemptStopped
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.activity_walk import NEWS, ActivityWalk
from jobs.sync.connection_lock import keep_connected
from jobs.sync.effort_derivation import EffortDerivation
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.sync.problems import check_strava
from jobs.sync.scope import SyncScope
from jobs.sync.single_activity import SingleActivities
from jobs.sync_budget import EndUnproved, EventBudgetSpent, EventRequestBudget
from jobs.task_services import TaskServices
from strava.errors import (
    StravaAppInactive,
    StravaAthleteLimit,
    StravaRateLimited,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)

_SHOWN_EVERY_S = 2.0
"""Seconds after which what was applied so far is shown."""
_APPLIED = "applied"  # key of the checkpoint: Strava ids whose events are still to be deleted
_LATER = "later"  # key of the checkpoint: Strava ids that are to be looked up by a later job
_LOOKS = 3
"""Jobs that look for what Strava may have in a moment, a minute in all; then a sync does."""
_TO_LOOK_UP = "to_look_up"  # key of the checkpoint: Strava ids that the newest page left open
_PROOF_EVERY = timedelta(seconds=20)
"""How long an end of the access waits for its proof without budget."""
_NO_ANSWER_S = (20, 40, 80, 120)
"""Pauses after tries in a row that Strava did not answer; the last one after all further ones."""
_NO_ANSWER = (StravaUnavailable, StravaUnreadable)
_PROOF_AT = "proof_at"  # key of the checkpoint: when the proof is tried next, POSIX time
_UNANSWERED = "unanswered"  # key of the checkpoint: how often in a row Strava did not answer that
_FLOODED = "flooded"  # key of the checkpoint: look-ups brought no news until the budget was spent


def run(attempt: Attempt, services: TaskServices) -> None:
    """Apply the events. Raises as a sync does."""
    assert attempt.athlete_id is not None
    _Events(attempt, services, attempt.athlete_id).apply_all()


class _Events:
    def __init__(self, attempt: Attempt, services: TaskServices, athlete_id: int) -> None:
        self._attempt = attempt
        self._services = services
        self._athlete_id = athlete_id
        self._strava = AthleteStrava(attempt, services, athlete_id)
        self._values: dict[str, Any] = {"athlete": athlete_id, "job_id": attempt.job_id}
        self._left_out: set[tuple[str, int]] = set()
        self._proof_waits: EventBudgetSpent | None = None
        self._is_over = False
        """Whether the access has ended."""
        self._single = SingleActivities(attempt, services, self._strava)
        self._budget = EventRequestBudget(services.settings, services.database, athlete_id)

    def apply_all(self) -> None:
        """Apply events until none is left, also those that come until then."""
        while events := self._take():
            if any(event.object_type == StravaObject.ATHLETE for event in events):
                self._apply_end([event.object_id for event in events])
                if isinstance(self._proof_waits, EndUnproved):
                    raise self._proof_waits
            else:
                self._apply_activities({event.object_id: event.tries for event in events})
            if self._is_over:
                return
        if self._proof_waits is not None:
            raise self._proof_waits
        # One activity must not delay the athlete's others.
        self._single.check()

    def _apply_end(self, athletes: Sequence[int]) -> None:
        """Look into an end of the access.

        While its proof waits for budget, activities go on: else who invents ends would keep all
        news out. While it waits for an answer, none is to be had.
        """
        try:
            is_revoked = self._is_revoked()
        except (EventBudgetSpent, *_NO_ANSWER) as error:
            waits = error if isinstance(error, EventBudgetSpent) else self._note_no_answer()
            self._proof_waits = waits
            self._left_out.update((StravaObject.ATHLETE, athlete) for athlete in athletes)
            return
        self._proof_waits = None
        if is_revoked:
            self._end(athletes)
        else:
            self._finish(StravaObject.ATHLETE, athletes)

    def _apply_activities(self, tries: Mapping[int, int]) -> None:
        """Apply some. What they wait for, or meet, keeps no proof of an end waiting."""
        strava_ids, proof = list(tries), self._proof_waits
        try:
            if _FLOODED in self._attempt.checkpoint:
                strava_ids = self._sift(strava_ids)
            self._apply_some({strava_id: tries[strava_id] for strava_id in strava_ids})
        except EventBudgetSpent as error:
            raise proof if proof and proof.retry_at < error.retry_at else error from None
        except (StravaRateLimited, *_NO_ANSWER) as error:
            raise proof or error from None
        except StravaUnauthorized as error:
            if proof is None or error.what != "refresh token":
                raise
            self._end([athlete for kind, athlete in self._left_out if kind == StravaObject.ATHLETE])

    def _end(self, athletes: Sequence[int]) -> None:
        self._is_over = True
        with suppress(StravaNotConnected):  # it has ended by now
            self._erase(athletes)

    def _take(self) -> Sequence[Any]:
        """Get the events to apply now: that of the athlete alone, else those of activities."""
        with self._attempt.step() as step:
            remember_bests(step, self._athlete_id)
            news = step.connection.execute(
                strava_event.take(retry_pauses.EVENT_S), self._values
            ).all()
            self._left_out -= {(event.object_type, event.object_id) for event in news}
            if news:  # perhaps of what was just read or applied
                self._single.forget(step)
                told = {event.object_id for event in news}
                for name in (_APPLIED, _LATER):
                    step.checkpoint[name] = sorted(set(step.checkpoint.get(name, ())) - told)
            taken = step.connection.execute(strava_event.taken(), self._values).all()
        left_out = set(self._left_out)
        if _FLOODED not in step.checkpoint:
            later = step.checkpoint.get(_LATER, ())
            left_out.update((StravaObject.ACTIVITY, strava_id) for strava_id in later)
        events = [event for event in taken if (event.object_type, event.object_id) not in left_out]
        first = events[:1]
        return first if first and first[0].object_type == StravaObject.ATHLETE else events

    # --- activities

    def _apply_some(self, tries: Mapping[int, int]) -> None:
        """Apply activities until what was done is to be shown; `tries` are the jobs of each."""
        applied: list[int] = []
        until = time.monotonic() + _SHOWN_EVERY_S
        try:
            for strava_id, number in tries.items():
                if strava_id in self._attempt.checkpoint.get(_APPLIED, ()) or self._apply(
                    strava_id, is_last=number >= _LOOKS
                ):
                    applied.append(strava_id)
                else:
                    self._left_out.add((StravaObject.ACTIVITY, strava_id))
                if time.monotonic() > until:
                    break
        except AttemptStopped:
            raise
        except Exception:
            self._finish_if_possible(applied)
            raise
        self._finish(StravaObject.ACTIVITY, applied)

    def _apply(self, strava_id: int, *, is_last: bool) -> bool:
        """Do what a sync of the activity does; False if it has to be tried again.

        With `is_last`, what Strava still does not have is left to a sync.
        """
        with self._free_unless_answered():
            self._pay()
            is_applied = self._single.apply(strava_id)
        is_done = is_last or not self._single.may_come_later
        with self._attempt.step() as step:
            self._single.forget(step)
            if self._single.has_changed or self._single.is_unanswered:
                self._budget.give_back(step.connection)
            if is_applied:
                seen = _APPLIED if is_done else _LATER
                step.checkpoint[seen] = [*step.checkpoint.get(seen, ()), strava_id]
                to_look_up = set(step.checkpoint.get(_TO_LOOK_UP, ())) - {strava_id}
                step.checkpoint[_TO_LOOK_UP] = sorted(to_look_up)
        return is_applied and is_done

    def _pay(self) -> None:
        """Pay for a look-up. Raises EventBudgetSpent, after which the list is read."""
        try:
            self._budget.spend()
        except EventBudgetSpent:
            with self._attempt.step() as step:
                step.checkpoint[_FLOODED] = True
            raise

    @contextmanager
    def _free_unless_answered(self) -> Iterator[None]:
        """Give back what is paid for what Strava does not answer, or has no quota for."""
        self._budget.used()
        try:
            yield
        except (StravaRateLimited, *_NO_ANSWER):
            self._budget.take_back()
            raise

    def _sift(self, strava_ids: Sequence[int]) -> list[int]:
        """Drop events that the newest page answers; returns what is to be looked up.

        What an earlier page left is looked up before another page is read: with a request at a time
        the pages would else take them all.
        """
        known = set(self._attempt.checkpoint.get(_TO_LOOK_UP, ()))
        left = [strava_id for strava_id in strava_ids if strava_id in known]
        return left or self._read_newest(strava_ids)

    def _read_newest(self, strava_ids: Sequence[int]) -> list[int]:
        """Store what Strava lists first, and drop its events; returns what is still to be looked up.

        That is activities that are stored here and that the list should have.
        """
        arguments = (self._attempt, self._services, self._strava, SyncScope())
        with self._free_unless_answered():
            self._pay()
            listed, oldest = ActivityWalk(*arguments, is_charged=False).read_newest()
        self._derive_news()
        values = {**self._values, "strava_ids": list(strava_ids), "oldest": oldest}
        with self._attempt.read() as connection:
            known = connection.execute(activities.known_since(), values).scalars().all()
        left = [strava_id for strava_id in known if strava_id not in listed]
        dropped = sorted(set(strava_ids) - set(left))
        self._services.log.warning(
            "events that brought no news are dropped", extra={"events": len(dropped)}
        )
        self._finish(StravaObject.ACTIVITY, dropped)
        with self._attempt.step() as step:
            step.checkpoint.pop(_FLOODED)
            step.checkpoint[_TO_LOOK_UP] = left
        return left

    def _derive_news(self) -> None:
        """Derive what the newest page changed, a turn's worth.

        The rest, and what waited before, is left to a sync: these requests go before all backfills.
        """
        turn = self._services.settings.strava_quota_turn
        for strava_id in self._attempt.checkpoint[NEWS][:turn]:
            scope = SyncScope(activity_id=strava_id)
            arguments = (self._attempt, self._services, self._strava, scope)
            EffortDerivation(*arguments, is_charged=False).run()
            with self._attempt.step() as step:
                step.checkpoint[NEWS] = step.checkpoint[NEWS][1:]
        with self._attempt.step() as step:
            step.checkpoint.pop(NEWS)

    def _finish_if_possible(self, applied: Sequence[int]) -> None:
        try:
            self._finish(StravaObject.ACTIVITY, applied)
        except Exception as error:  # noqa: BLE001 - what is raised already says more
            extra = {"error": str(error)}
            self._services.log.warning("personal bests could not be updated", extra=extra)

    def _finish(self, kind: StravaObject, applied: Sequence[int]) -> None:
        """Update the bests and delete the applied events, in one transaction."""
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            update_bests(step, self._athlete_id)
            self._delete(step, kind, applied)
            is_activity = kind is StravaObject.ACTIVITY
            for name in (_APPLIED,) if is_activity else (_PROOF_AT, _UNANSWERED):
                step.checkpoint.pop(name, None)

    def _delete(self, step: Step, kind: StravaObject, applied: Sequence[int]) -> None:
        values = {**self._values, "applied_kind": kind.value, "applied_objects": list(applied)}
        step.connection.execute(strava_event.look_again(), values)
        step.connection.execute(strava_event.finish(), values)

    # --- the athlete

    def _is_revoked(self) -> bool:
        """Whether Strava refuses to renew the tokens that it refuses; new ones prove the access."""
        try:
            self._prove_access()
        except StravaUnauthorized as error:
            if error.what != "refresh token":
                raise
            return True
        return False

    def _prove_access(self) -> None:
        """Ask Strava for the athlete, or, without quota, budget or answer, to renew the tokens.

        That counts against no quota, and another host may answer it. Raises EventBudgetSpent until
        it may be done. What the budget regains after a flood is for activities. Once Strava
        answered neither, the tokens that it was to renew are used no more: only new ones prove it.
        """
        renews_only = _FLOODED in self._attempt.checkpoint or self._unanswered
        if renews_only:
            self._await_proof()
        with self._free_unless_answered():
            if renews_only or not self._is_proved_by_request():
                self._strava.token(refused=self._strava.token())

    def _is_proved_by_request(self) -> bool:
        """Ask Strava for the athlete; False without quota or answer. Raises as `_prove_access`."""
        try:
            self._budget.spend()
            check_strava(self._strava)
        except EventBudgetSpent:
            self._await_proof()
        except (StravaRateLimited, StravaAppInactive, StravaAthleteLimit, *_NO_ANSWER):
            pass
        else:
            return True
        return False

    @property
    def _unanswered(self) -> int:
        rounds: int = self._attempt.checkpoint.get(_UNANSWERED, 0)
        return rounds

    def _await_proof(self) -> None:
        """Let what somebody invents renew tokens seldom. Raises EventBudgetSpent."""
        now, at = self._attempt.now(), self._attempt.checkpoint.get(_PROOF_AT)
        pause = _pause_after(self._unanswered) if self._unanswered else _PROOF_EVERY
        due = now + pause if at is None else datetime.fromtimestamp(at, UTC)
        due = min(due, now + pause)  # the clock may have been set back
        with self._attempt.step() as step:
            step.checkpoint[_PROOF_AT] = due.timestamp()
        if due > now:
            raise (EndUnproved if self._unanswered else EventBudgetSpent)(due)

    def _note_no_answer(self) -> EndUnproved:
        """Let the next try wait the longer, the more tries in a row were not answered."""
        tries = self._unanswered + 1
        due = self._attempt.now() + _pause_after(tries)
        with self._attempt.step() as step:
            step.checkpoint |= {_UNANSWERED: tries, _PROOF_AT: due.timestamp()}
        return EndUnproved(due)

    def _erase(self, athletes: Sequence[int]) -> None:
        """Start the job that ends the connection and deletes the data, as Strava requires.

        Strava also reports the end that a disconnect of ours brought about; that job goes on. Who
        has connected again in the meantime keeps connection and data.
        """
        values: dict[str, Any] = {"athlete": self._athlete_id, "account": None, "job_arguments": {}}
        cause = {"job_arguments": {"cause": ErasureCause.REVOKED.value}}
        erasure = {**values, "job_kind": JobKind.ERASE_ATHLETE.value, **cause}
        disconnect = {**values, "job_kind": JobKind.STRAVA_DISCONNECT.value}
        since = {**values, "asked_moment": self._attempt.began_at}
        created = None
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            if step.connection.execute(strava_connection.is_newer(), since).scalar_one():
                self._delete(step, StravaObject.ATHLETE, athletes)
                return
            if step.connection.execute(job.existing(), disconnect).first() is None:
                created = step.connection.execute(job.create(), erasure).one_or_none()
            self._delete_all(step)
        if created is not None:
            self._services.log.info("the access to Strava was revoked; the data is erased")
            self._attempt.hand_over(created)

    def _delete_all(self, step: Step) -> None:
        for event in step.connection.execute(strava_event.taken(), self._values).all():
            self._delete(step, StravaObject(event.object_type), [event.object_id])


def _pause_after(tries: int) -> timedelta:
    return timedelta(seconds=retry_pauses.after_tries(_NO_ANSWER_S, tries))
