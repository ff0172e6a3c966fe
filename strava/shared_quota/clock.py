"""The time at Strava, independent of the clocks here.

It is the `Date` of an answer, plus what a clock that never jumps has run since. Each machine has
such a clock. One that has started since the last answer does not know how long it was away, and
Redis's clock may have jumped meanwhile: for it, no time has passed until an answer tells. That may
let it wait for too long, but never ask too early.
"""

from dataclasses import dataclass, field
from typing import Any, Self

_DRIFT = 1e-4
"""How much faster or slower than Strava's a steady clock may run."""
_SHARED_SLACK_S = 5.0
_NEAR_S = 300.0
"""Seconds by which Redis's clock is trusted to be right, before any answer is known."""
_AGREE_S = 3.0
_UNKNOWN_S = 366 * 86_400.0
"""Most seconds that a machine may have been away."""
_MOST_MACHINES = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clocks show now, in seconds.

    `steady_s` is of the machine's clock that never jumps; `shared_s` of Redis's, POSIX time.
    """

    machine: str
    steady_s: float
    shared_s: float


@dataclass(frozen=True, slots=True)
class Moment:
    """The time at Strava, POSIX: not before `earliest_s`, not after `latest_s`."""

    earliest_s: float
    latest_s: float


@dataclass(slots=True)
class _Anchor:
    """At `steady_s` of the machine it was `strava_s`, or `slack_s` later.

    Redis's clock, or PostgreSQL's while Redis is away, showed `shared_s` when it was `strava_s`.
    """

    strava_s: float
    slack_s: float
    steady_s: float
    shared_s: float

    @property
    def is_borrowed(self) -> bool:
        """Whether it is another machine's, or an earlier start's: the time since is not known."""
        return self.slack_s >= _UNKNOWN_S


@dataclass(slots=True)
class StravaClock:
    """Learns Strava's time from answers. `doubted` is a `Date` that fits to nothing known."""

    anchors: dict[str, _Anchor] = field(default_factory=dict)
    doubted: tuple[str, float] | None = None

    def now(self, reading: Reading) -> Moment:
        own = self._own(reading)
        if own is None:
            return Moment(reading.shared_s, reading.shared_s + _SHARED_SLACK_S)
        ran_s = reading.steady_s - own.steady_s
        return Moment(
            own.strava_s + ran_s * (1 - _DRIFT),
            own.strava_s + own.slack_s + ran_s * (1 + _DRIFT),
        )

    def touch(self, reading: Reading) -> None:
        """Note what Redis's clock shows now, so that a jump of it before now does not matter."""
        own = self._own(reading)
        if own is None:
            return
        if own.is_borrowed:
            self._put(reading.machine, own)
        else:
            now = self.now(reading)
            self._set(reading, now.earliest_s, now.latest_s)

    def _own(self, reading: Reading) -> _Anchor | None:
        """Get the machine's anchor, else a borrowed one; None before any answer."""
        own = self.anchors.get(reading.machine)
        if own is not None and reading.steady_s >= own.steady_s:
            return own
        if not self.anchors:
            return None
        newest = max(self.anchors.values(), key=lambda anchor: anchor.strava_s)
        return _Anchor(newest.strava_s, _UNKNOWN_S, reading.steady_s, newest.shared_s)

    def learn(self, reading: Reading, date_s: float, took_s: float) -> None:
        """Take the `Date` of an answer that arrived now, `took_s` seconds after it was asked for.

        A `Date` that fits to nothing known counts once a second answer agrees with it.
        """
        latest_s = date_s + 1 + took_s
        if self._fits(reading, date_s, latest_s):
            known = self.now(reading) if self.anchors else Moment(date_s, latest_s)
            self.doubted = None
            self._set(
                reading,
                max(date_s, known.earliest_s),
                max(min(latest_s, known.latest_s), date_s, known.earliest_s),
            )
            return
        offset_s = date_s - reading.steady_s
        if (
            self.doubted is not None
            and self.doubted[0] == reading.machine
            and abs(self.doubted[1] - offset_s) <= _AGREE_S + took_s
        ):
            self.doubted = None
            self.anchors.clear()
            self._set(reading, date_s, latest_s)
        else:
            self.doubted = (reading.machine, offset_s)

    def _fits(self, reading: Reading, date_s: float, latest_s: float) -> bool:
        own = self._own(reading)
        if own is None:
            return abs(date_s - reading.shared_s) <= _NEAR_S
        known = self.now(reading)
        if own.is_borrowed:
            shown_s = own.strava_s + reading.shared_s - own.shared_s
            is_shown = date_s <= shown_s + _SHARED_SLACK_S and latest_s >= shown_s - _SHARED_SLACK_S
            return is_shown and latest_s >= known.earliest_s
        return date_s <= known.latest_s and latest_s >= known.earliest_s

    def _set(self, reading: Reading, earliest_s: float, latest_s: float) -> None:
        slack_s = latest_s - earliest_s
        self._put(reading.machine, _Anchor(earliest_s, slack_s, reading.steady_s, reading.shared_s))

    def _put(self, machine: str, anchor: _Anchor) -> None:
        self.anchors.pop(machine, None)  # the newest stands last
        self.anchors[machine] = anchor
        while len(self.anchors) > _MOST_MACHINES:
            del self.anchors[next(iter(self.anchors))]

    def as_json(self) -> dict[str, Any]:
        return {
            "anchors": {
                machine: [each.strava_s, each.slack_s, each.steady_s, each.shared_s]
                for machine, each in self.anchors.items()
            },
            "doubted": self.doubted,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        doubted = values["doubted"]
        return cls(
            {machine: _Anchor(*each) for machine, each in values["anchors"].items()},
            (doubted[0], doubted[1]) if doubted else None,
        )
