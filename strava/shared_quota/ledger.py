"""Decides which request may be made now. Plain values in, plain values out.

A request is counted before it is made, and its answer corrects the count. What is not known counts
as used.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import orjson

from strava.shared_quota.clock import Moment, Reading, StravaClock
from strava.shared_quota.limits import KnownLimits, Numbers, Told
from strava.shared_quota.question import Granted, QuotaAnswer, QuotaAsk, Refused
from strava.shared_quota.rules import QuotaRules
from strava.shared_quota.turns import Turns
from strava.shared_quota.window import (
    DAY_S,
    KINDS,
    OVERALL,
    QUARTER_HOUR_S,
    CountedWindow,
    Counts,
    kinds_of,
)

_MARGIN_S = 0.5
_APART_S = 0.3
"""Seconds between two athletes that come back when a window opens."""
_SPREAD_S = 120.0
_FIRST_ANSWER_S = 0.2
_FIRST_ANSWER_WITHIN_S = 5.0
"""Seconds for which others wait for the first answer of all."""
_TURN_S = 2.0
_UNSURE_S = 60.0
"""How far apart the bounds of the time are where it is not known."""
_LOOKS_AGAIN_S = 30.0
"""Seconds until a job that was refused by an unsure time asks again, by another machine maybe."""
_SEAM_S = 2
"""Seconds at the start of a window in which what an answer tells may be of the one before."""
_MOST_AHEAD = 50
_PLAIN = (
    "generation", "life", "settles", "is_heard", "heard_in", "blocked_until", "refusals"
)  # fmt: skip


@dataclass(slots=True)
class _Call:
    """A request under way; `settles` counts the answers before it was made."""

    read: bool
    until_s: float
    steady_s: float
    settles: int
    forced: bool = False


@dataclass(slots=True)
class Ledger:
    """The quota of one application.

    `generation` rises when PostgreSQL's copy takes the place of a lost one, `life` is of the Redis
    that holds it. `is_heard`: Strava has answered; `heard_in` is the last 15 minutes whose headers
    were believed. `all_told`: so were those of each request since the last time that none was under
    way. `blocked_until` is after refusals that no header explains, `refusals` in a row.
    """

    generation: int = 0
    life: str = ""
    clock: StravaClock = field(default_factory=StravaClock)
    quarter: CountedWindow = field(default_factory=lambda: CountedWindow(QUARTER_HOUR_S))
    day: CountedWindow = field(default_factory=lambda: CountedWindow(DAY_S))
    limits: KnownLimits = field(default_factory=KnownLimits)
    turns: Turns = field(default_factory=Turns)
    calls: dict[str, _Call] = field(default_factory=dict)
    settles: int = 0
    is_heard: bool = False
    heard_in: int = 0
    all_told: bool = False
    blocked_until: float = 0.0
    refusals: int = 0
    at: Moment = field(default_factory=lambda: Moment(0.0, 0.0))
    """When it was changed last; not kept."""

    @property
    def windows(self) -> tuple[CountedWindow, CountedWindow]:
        return self.quarter, self.day

    def begin(self, reading: Reading) -> Moment:
        """Bring all up to now."""
        self.clock.touch(reading)
        self.at = now = self.clock.now(reading)
        for name in [name for name, call in self.calls.items() if call.until_s < now.earliest_s]:
            del self.calls[name]
            self.all_told = False
        under_way = self._under_way()
        for window in self.windows:
            if window.roll(now, under_way):
                self.all_told = False
        return now

    def reserve(self, ask: QuotaAsk, reading: Reading, rules: QuotaRules) -> Granted | Refused:
        """Count a request, if it may be made."""
        now = self._begin(reading, rules)
        if ask.forced:
            self.blocked_until, self.refusals = 0.0, 0
        elif refused := self._refusal(ask, now, rules):
            return refused
        if not self.calls:
            self._begin_to_overlap()
        for window in self.windows:
            window.use(read=ask.read)
        if ask.athlete is not None:
            self.turns.grant(ask.athlete, now.earliest_s)
        self.calls[ask.call] = _Call(
            ask.read, _until_s(now, rules), reading.steady_s, self.settles, forced=ask.forced
        )
        ahead = self._ahead(rules)
        raised = [window.raise_marks(ahead) for window in self.windows]
        return Granted(any(raised))

    def settle(
        self, call: str, reading: Reading, answer: QuotaAnswer | None, rules: QuotaRules
    ) -> None:
        """Take the answer to a request, None if there is none."""
        made = self.calls.pop(call, None)
        if answer and answer.date_s is not None and made is not None:
            took_s = max(0.0, reading.steady_s - made.steady_s)
            self.clock.learn(reading, answer.date_s, took_s)
        now = self._begin(reading, rules)
        read = made is None or made.read
        for window in self.windows:
            window.carry(now, read=read)
        is_told = False
        if answer is not None:
            self.is_heard = True
            if answer.told is not None and made is not None:
                is_told = self._hear(answer.told, answer, made, now)
            self._heed_refusal(answer, now, rules, read=read)
        self.all_told &= is_told
        self.settles += 1

    def leave(self, athlete: str) -> None:
        """Expect the athlete's backfill no longer."""
        self.turns.leave(athlete)

    def kept(self, known: Self) -> None:
        """Note that PostgreSQL has the copy `known`."""
        for mine, theirs in zip(self.windows, known.windows, strict=True):
            if mine.number == theirs.number:
                mine.kept = [max(mine.kept[kind], theirs.mark[kind]) for kind in KINDS]

    # --- what is left

    def refusal_of(self, ask: QuotaAsk, rules: QuotaRules) -> Refused | None:
        """Tell, right after a change, why a request would be refused; None if it would not."""
        return self._refusal(ask, self.at, rules)

    def in_force(self, rules: QuotaRules) -> Numbers:
        """The limits that hold now."""
        return self.limits.in_force(rules.assumed, self.quarter.number)

    def room(self, rules: QuotaRules, *, read: bool, for_backfill: bool) -> int:
        """Count the requests that may be made before a window is used up; 0 or more."""
        return max(0, min(self.lefts(rules, read=read, for_backfill=for_backfill)))

    def lefts(self, rules: QuotaRules, *, read: bool, for_backfill: bool) -> list[int]:
        """Requests left of the 15 minutes and of the day."""
        limits = self.in_force(rules)
        kinds = kinds_of(read=read)

        def left(number: int, kind: int) -> int:
            limit = limits.of(number, kind)
            reserve = rules.reserve(limit) if for_backfill else 0
            return limit - reserve - self.windows[number].used(kind)

        return [min([left(number, kind) for kind in kinds]) for number in (0, 1)]

    def _refusal(self, ask: QuotaAsk, now: Moment, rules: QuotaRules) -> Refused | None:
        athlete, for_backfill = ask.athlete, ask.athlete is not None
        lefts = self.lefts(rules, read=ask.read, for_backfill=for_backfill)
        ends = [
            window.ends_at for window, left in zip(self.windows, lefts, strict=True) if left <= 0
        ]
        if self.blocked_until > now.earliest_s:
            ends.append(int(self.blocked_until))
        if ends:
            return self._refuse_until(max(ends), athlete, now)
        if not self.is_heard and self._may_answer_soon(now, rules):
            return Refused("first answer", _FIRST_ANSWER_S, now.earliest_s + _FIRST_ANSWER_S)
        if athlete is not None and not self.turns.is_up(
            athlete, now.earliest_s, min(lefts), rules.turn
        ):
            wait_s = _TURN_S + _APART_S * self.turns.active(now.earliest_s)
            self.turns.send_away(athlete, now.earliest_s, now.earliest_s + wait_s)
            return Refused("turn", wait_s, now.earliest_s + wait_s)
        return None

    def _may_answer_soon(self, now: Moment, rules: QuotaRules) -> bool:
        """Whether a request that was made just now is under way. A worker may have died with it."""
        began_s = [call.until_s - rules.call_s for call in self.calls.values()]
        return any(now.earliest_s < each + _FIRST_ANSWER_WITHIN_S for each in began_s)

    def _refuse_until(self, until_s: float, athlete: str | None, now: Moment) -> Refused:
        """Refuse until a window opens. Athletes come back one after the other, by their turns.

        It may be open already where the time is not known. Others would have used it up when an
        athlete came back that late, so it looks again soon.
        """
        wait_s = until_s - now.earliest_s + _MARGIN_S
        if until_s <= now.latest_s and now.latest_s - now.earliest_s > _UNSURE_S:
            wait_s = min(wait_s, _LOOKS_AGAIN_S)
        if athlete is not None:
            before = self.turns.send_away(athlete, now.earliest_s, until_s)
            wait_s += min(_SPREAD_S, _APART_S * before)
        return Refused("quota", wait_s, until_s)

    def _ahead(self, rules: QuotaRules) -> int:
        """How many requests PostgreSQL knows of before they are made, to be asked less often."""
        return max(0, min(_MOST_AHEAD, min(self.in_force(rules)) // 20))

    # --- what answers tell

    def _hear(self, told: Told, answer: QuotaAnswer, made: _Call, now: Moment) -> bool:
        """Take what an answer tells; returns whether it was believed, and of both windows."""
        if not told.is_possible or not (answer.is_429 or self._is_likely(told)):
            return False
        self.limits.learn(told.limits, self.quarter.number)
        if made.forced:
            self.limits.confirmed = told.limits
        under_way = self._under_way()
        exactly = made.settles == self.settles or (self.all_told and not self.calls)
        of_windows = [_is_of(window, answer.date_s, now) for window in self.windows]
        for number, window in enumerate(self.windows):
            if not of_windows[number]:
                continue
            for kind in KINDS:
                others = under_way[kind]
                window.hear(
                    kind,
                    told.used.of(number, kind),
                    others,
                    exactly=exactly and not others,
                    forget=made.forced,
                )
        self.heard_in = self.quarter.number
        return all(of_windows) and not made.forced

    def _begin_to_overlap(self) -> None:
        """Note that no request is under way, before one is made."""
        self.all_told = True
        for window in self.windows:
            window.told = [0, 0]

    def _is_likely(self, told: Told) -> bool:
        """Whether so much can have been used since the last answer."""
        if not self.heard_in:
            return True
        quarters = 1 + max(0, self.quarter.number - self.heard_in)
        most = 2 * told.limits.overall_quarter_hour * quarters
        return told.used.overall_day - self.day.used(OVERALL) <= most

    def _heed_refusal(
        self, answer: QuotaAnswer, now: Moment, rules: QuotaRules, *, read: bool
    ) -> None:
        if not answer.is_429:
            self.refusals = 0
            return
        if min(self.lefts(rules, read=read, for_backfill=False)) <= 0:
            return
        self.refusals += 1
        quarters = 2 ** min(self.refusals - 1, 7) - 1
        self.blocked_until = min(
            self.quarter.ends_at + quarters * QUARTER_HOUR_S,
            max(self.day.ends_at, now.earliest_s),
        )

    def _begin(self, reading: Reading, rules: QuotaRules) -> Moment:
        """Do as `begin`; what was asked for at an unknown time is given up a call's time from now."""
        now = self.begin(reading)
        for call in self.calls.values():
            call.until_s = min(call.until_s, now.latest_s + rules.call_s)
        return now

    def _under_way(self) -> Counts:
        """Count the requests under way, overall and reads."""
        return [len(self.calls), sum([call.read for call in self.calls.values()])]

    # --- copies

    def as_kept(self) -> "Ledger":
        """The copy for PostgreSQL: what is marked counts as used."""
        quarter, day = self.quarter.as_kept(), self.day.as_kept()
        return replace(self, quarter=quarter, day=day, all_told=False)

    def merged(self, other: str | bytes) -> Self:
        """This ledger, with what the text of another one knows of more. Raises ValueError."""
        values = orjson.loads(other)
        try:
            quarter = CountedWindow.from_json(QUARTER_HOUR_S, values["quarter"])
            day = CountedWindow.from_json(DAY_S, values["day"])
            answers_more = self.settles - values["settles"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a ledger: {error}") from None
        self.all_told = False
        self.quarter = self.quarter.merged(quarter, answers_more)
        self.day = self.day.merged(day, answers_more)
        return self

    def revive(self, reading: Reading, rules: QuotaRules) -> None:
        """Take the place of a lost ledger, of which requests may be under way."""
        self.all_told = False
        until_s = _until_s(self.clock.now(reading), rules)
        for number in range(self._ahead(rules)):
            lost = f"lost {self.generation}-{number}"
            self.calls[lost] = _Call(read=True, until_s=until_s, steady_s=0.0, settles=-1)

    def to_text(self) -> str:
        """Write it as all versions read it, which share it during an update and after a rollback.

        The first ones refuse other keys than these, and lists of other lengths. Of the clock they
        read two keys and write no others, so what came later is there, and must have a default.
        """
        told = {"all_told": self.all_told, "told": [window.told for window in self.windows]}
        return orjson.dumps(
            {name: getattr(self, name) for name in _PLAIN}
            | {
                "clock": self.clock.as_json() | told,
                "quarter": self.quarter.as_json(),
                "day": self.day.as_json(),
                "limits": self.limits.as_json(),
                "turns": self.turns.as_json(),
                "calls": {
                    name: [call.read, call.until_s, call.steady_s, call.settles, call.forced]
                    for name, call in self.calls.items()
                },
            }
        ).decode()

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Read what `to_text` wrote, of any version. Raises ValueError for anything else."""
        values = orjson.loads(text)
        try:
            clock = values["clock"]
            ledger = cls(
                **{name: values[name] for name in _PLAIN if name in values},
                clock=StravaClock.from_json(clock),
                quarter=CountedWindow.from_json(QUARTER_HOUR_S, values["quarter"]),
                day=CountedWindow.from_json(DAY_S, values["day"]),
                limits=KnownLimits.from_json(values["limits"]),
                turns=Turns.from_json(values["turns"]),
                calls={name: _Call(*call) for name, call in values["calls"].items()},
                all_told=clock.get("all_told", False),
            )
            for window, told in zip(ledger.windows, clock.get("told", ()), strict=False):
                window.told = list(told)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a ledger: {error}") from None
        return ledger


def _until_s(now: Moment, rules: QuotaRules) -> float:
    """When a request that is made now is given up.

    Where the time is not known, it may be much later already: a request that another machine, which
    knows, took for an old one would not be counted in the window that it finds.
    """
    is_known = now.latest_s - now.earliest_s <= _UNSURE_S
    return (now.earliest_s if is_known else now.latest_s) + rules.call_s


def _is_of(window: CountedWindow, date_s: float | None, now: Moment) -> bool:
    """Whether an answer with the `Date` `date_s` tells of the window."""
    if date_s is None:
        return now.latest_s < window.ends_at
    into_s = date_s - window.number * window.length_s
    return _SEAM_S <= into_s < window.length_s
