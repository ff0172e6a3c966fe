"""Collects the messages of one FIT file."""

from dataclasses import dataclass, field
from typing import Any

from recordings.errors import FileTooLarge
from recordings.fit_heart_rate import StrapMemory
from recordings.fit_message import (
    Values,
    degrees_of,
    developer_values,
    number_of,
    unix_of,
    values_of,
    word_of,
)
from recordings.problems import ProblemList, words
from recordings.sample_builder import ReadingBudget, Sample, SampleBuilder

_CREATOR = (0, "creator")
"""Index of the device that made the file, among those that took part."""
_LONGEST_DEVICE = 200
_NATIVE_HEART_RATE, _NATIVE_CADENCE, _NATIVE_POWER = 3, 4, 7
_DEVELOPER_COLUMNS = {
    _NATIVE_HEART_RATE: "heart_rate",
    _NATIVE_CADENCE: "cadence",
    _NATIVE_POWER: "power",
}
"""Fields of `record` that an application on the device may give in place of the device."""
_OF_LAP = frozenset({
    "timestamp", "start_time", "total_elapsed_time", "total_timer_time", "total_distance", "total_calories",
    "avg_heart_rate", "max_heart_rate", "lap_trigger",
})  # fmt: skip
_OF_SESSION = _OF_LAP | {"sport", "sub_sport", "total_ascent"}
"""What is kept of the hundred fields of each: a file may have thousands of laps."""


@dataclass(slots=True)
class FitMessages:
    """What one FIT file holds; `kind` is its own word for that, such as "activity" or "course"."""

    samples: SampleBuilder
    kind: str | None = None
    device: str | None = None
    sport: Values = field(default_factory=dict)
    sessions: list[Values] = field(default_factory=list)
    laps: list[Values] = field(default_factory=list)
    workout: str | None = None
    utc_offset_s: int | None = None

    @property
    def is_activity(self) -> bool:
        return self.kind in {None, "activity"} and bool(
            len(self.samples) or self.sessions or self.laps
        )


class FitCollector:
    """Takes the messages of one FIT file in order; `found` is what they say."""

    def __init__(self, budget: ReadingBudget, strap: StrapMemory, problems: ProblemList) -> None:
        self.found = FitMessages(SampleBuilder(budget))
        self._budget = budget
        self._strap = strap
        self._problems = problems
        self._pending: tuple[float, Sample] | None = None
        self._scales: dict[tuple[int, int], tuple[float, float]] = {}
        self._not_kept: set[str] = set()
        self._messages = 0
        self._takers = {
            "record": self._record,
            "lap": self._lap,
            "session": self._session,
            "file_id": self._file_id,
            "device_info": self._device_info,
            "activity": self._activity,
            "sport": self._sport,
            "workout": self._workout,
            "hr": self._heart_rates,
            "field_description": self._field_description,
        }

    def take(self, message: Any) -> None:
        """Take a message of any kind. Raises FileTooLarge."""
        self._messages += 1
        if self._messages % 1_024 == 0:
            self._budget.check_time()
        taker = self._takers.get(message.name)
        if taker is not None:
            taker(message)

    def finish(self) -> FitMessages:
        self._flush()
        if self._not_kept:
            names = ", ".join(sorted(self._not_kept)[:12])
            self._problems.add(f"developer fields that have no column: {names}")
        return self.found

    # --- samples

    def _record(self, message: Any) -> None:
        values = values_of(message)
        if message.def_mesg.dev_field_defs:
            self._add_developer_values(message, values)
        time_s = unix_of(values)
        if time_s is None:
            known = "timestamp" in values
            self._problems.add(
                f"a sample {'from before the clock was set' if known else 'without a time'}: left out"
            )
            return
        sample = _sample(values)
        if self._pending is not None and self._pending[0] == time_s:
            merged = _merged(self._pending[1], sample)
            if merged is not None:
                self._pending = time_s, merged
                return
        self._flush()
        self._pending = time_s, sample

    def _flush(self) -> None:
        if self._pending is not None:
            self.found.samples.add(*self._pending)
            self._pending = None

    def _add_developer_values(self, message: Any, values: Values) -> None:
        for name, native, key, number in developer_values(message):
            column = _DEVELOPER_COLUMNS.get(native or -1) or name.strip().lower()
            if column not in _DEVELOPER_COLUMNS.values():
                if len(self._not_kept) < 100:  # noqa: PLR2004 - of which a few are named
                    self._not_kept.add(name)
                continue
            scale, offset = self._scales.get(key, (1.0, 0.0))
            values.setdefault(column, number / scale - offset)

    def _field_description(self, message: Any) -> None:
        values = values_of(message)
        index, number = (
            number_of(values, name) for name in ("developer_data_index", "field_definition_number")
        )
        scale, offset = number_of(values, "scale"), number_of(values, "offset")
        if index is not None and number is not None and (scale or offset):
            self._scales[int(index), int(number)] = (scale or 1.0, offset or 0.0)

    def _heart_rates(self, message: Any) -> None:
        values = values_of(message)
        anchored_at_s = unix_of(values)
        if anchored_at_s is not None:
            fraction = number_of(values, "fractional_timestamp") or 0.0
            anchored_at_s += fraction
        raw = {each.field_def.name: each.raw_value for each in message.fields if each.field_def}
        self._strap.add(
            anchored_at_s=anchored_at_s,
            ticks=_whole(raw.get("event_timestamp")),
            packed=bytes(_whole(raw.get("event_timestamp_12"))),
            rates=_whole(raw.get("filtered_bpm")),
        )

    # --- what stands once

    def _lap(self, message: Any) -> None:
        if len(self.found.laps) >= self._budget.limits.laps:
            raise FileTooLarge(
                self._budget.file,
                f"it has more than {self._budget.limits.laps:,} laps.",
                "Split it into shorter recordings.",
            )
        self.found.laps.append(values_of(message, _OF_LAP))

    def _session(self, message: Any) -> None:
        if len(self.found.sessions) >= self._budget.limits.activities:
            raise FileTooLarge(
                self._budget.file,
                f"it has more than {self._budget.limits.activities:,} activities.",
                "Split it.",
            )
        self.found.sessions.append(values_of(message, _OF_SESSION))

    def _file_id(self, message: Any) -> None:
        values = values_of(message)
        kind = values.get("type")
        self.found.kind = None if kind is None else str(kind)
        made_by = [
            str(values[name])
            for name in ("manufacturer", "product_name", "garmin_product", "product")
            if values.get(name) not in {None, 0}
        ]
        self.found.device = " ".join(made_by[:2]) or None

    def _device_info(self, message: Any) -> None:
        """The recording device's own name, which `file_id` mostly lacks."""
        values = values_of(message)
        name, maker = word_of(values, "product_name"), word_of(values, "manufacturer")
        if name is None or values.get("device_index") not in _CREATOR:
            return
        is_named = maker is None or name.lower().startswith(maker.lower())
        self.found.device = words(name if is_named else f"{maker} {name}", _LONGEST_DEVICE)

    def _activity(self, message: Any) -> None:
        values = values_of(message)
        here, local = number_of(values, "timestamp"), number_of(values, "local_timestamp")
        if here is None or local is None:
            return
        quarters = round((local - here) / 900)
        if abs(quarters) <= 14 * 4:  # hours from UTC
            self.found.utc_offset_s = quarters * 900

    def _sport(self, message: Any) -> None:
        self.found.sport = values_of(message)

    def _workout(self, message: Any) -> None:
        self.found.workout = word_of(values_of(message), "wkt_name")


def _sample(values: Values) -> Sample:
    cadence = number_of(values, "cadence")
    if cadence is not None:
        cadence += number_of(values, "fractional_cadence") or 0.0
    return (
        number_of(values, "distance"),
        number_of(values, "heart_rate"),
        cadence,
        number_of(values, "enhanced_altitude", "altitude"),
        degrees_of(values, "position_lat"),
        degrees_of(values, "position_long"),
        number_of(values, "power"),
        number_of(values, "temperature"),
        number_of(values, "enhanced_speed", "speed"),
    )


def _merged(one: Sample, other: Sample) -> Sample | None:
    """Two records of one second as one; None if both have a value of one column."""
    if any(a is not None and b is not None for a, b in zip(one, other, strict=True)):
        return None
    return tuple(b if a is None else a for a, b in zip(one, other, strict=True))  # type: ignore[return-value]


def _whole(value: Any) -> list[int]:
    values = value if isinstance(value, tuple | list | bytes) else (value,)
    return [each for each in values if isinstance(each, int)]
