"""Variants of what Strava sends: one or two places replaced by what should not be there."""

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.jobs.standin import Recording

_TESTS = Path(__file__).resolve().parents[1]
_EXAMPLE = _TESTS / "strava" / "data" / "activity_detail_example.json"
_DEMO_RUNS = _TESTS.parent / "local" / "demo_runs.ndjson"

ABSENT = object()
EXTREMES: tuple[Any, ...] = (
    None, ABSENT, True, False, 0, -1, 1, 0.5, -0.0, 1e-320, 1e15, 1.7e308, -1.7e308, 2**31 - 1, 2**31,
    2**63 - 1, 2**63, 10**30, 10**400, float("nan"), float("inf"), float("-inf"), "", "x", "0", "12", "\0",
    "\ud800", "x" * 10_000, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2024-02-30T00:00:00Z", "2024-02-01", "2024-W05-4T08:00:00Z", "2024-02-01T08:00:00+23:59", "Ride", "Run",
    "(GMT-03:00) America/Recife", "(GMT+05:45) nowhere", "Factory", [], [None], [0], [[]], {}, {"id": None},
    {"data": None}, {"data": []}, {"data": [None]}, {"data": [0, 1]}, {"data": "x"},
)  # fmt: skip
LISTS = ("best_efforts", "laps")
"""Lists of details, whose items stand for themselves."""
NEEDED = ("id", "start_date", "distance", "moving_time", "elapsed_time")
"""Without these an activity cannot be read."""

_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Change:
    """`part` is "summary", "detail" or "streams"."""

    part: str
    path: _Path
    value: Any

    @property
    def top(self) -> str | int:
        return self.path[0]


def sound_recordings() -> list[Recording]:
    """Strava's own example, recorded runs, and one made by hand."""
    example = json.loads(_EXAMPLE.read_text())
    example["gear"] = {"id": "g7", "name": "Shoes", "distance": 120_000.0, "retired": False}
    example["laps"] = [
        {"start_date": example["start_date"], "elapsed_time": 330, "moving_time": 320,
         "distance": 1000.0, "average_heartrate": 151.5, "lap_index": number}
        for number in (1, 2, 3)
    ]  # fmt: skip
    ticks = list(range(0, 3141, 30))
    even = {
        "time": ticks,
        "distance": [round(5781.1 * tick / 3140, 1) for tick in ticks],
        "heartrate": [140] * len(ticks),
        "altitude": [100 + tick % 300 / 10 for tick in ticks],
        "cadence": [85] * len(ticks),
        "watts": [250] * len(ticks),
        "temp": [20] * len(ticks),
        "velocity_smooth": [1.8] * len(ticks),
        "latlng": [[37.8 + tick * 1e-5, -122.4] for tick in ticks],
    }
    streams = {name: {"data": data} for name, data in even.items()}
    recordings = [Recording(_summary_of(example), example, streams)]
    lines = _DEMO_RUNS.read_text().splitlines()
    for line in (lines[1], lines[7], lines[11]):
        run = json.loads(line)
        streams = {name: {"data": data} for name, data in run["streams"].items()}
        efforts = [
            {"name": "400m", "distance": 400, "elapsed_time": 160, "moving_time": 160,
             "start_date": run["activity"]["start_date"]},
            {"name": "1k", "distance": 1000, "elapsed_time": 420, "moving_time": 420,
             "start_date": run["activity"]["start_date"]},
        ]  # fmt: skip
        detail = run["activity"] | {"best_efforts": efforts}
        recordings.append(Recording(run["activity"], detail, streams))
    return recordings


def _summary_of(detail: dict[str, Any]) -> dict[str, Any]:
    longer = ("best_efforts", "laps", "splits_metric", "segment_efforts")
    return {name: value for name, value in detail.items() if name not in longer}


def places(recording: Recording) -> list[tuple[str, _Path]]:
    """Where something can be replaced: every field, item of a list, stream, and some samples."""
    found: list[tuple[str, _Path]] = []
    for part in ("summary", "detail", "streams"):
        body = getattr(recording, part)
        found += [(part, (name,)) for name in body]
        found += [(part, (name,)) for name in ("visibility", "flagged", "average_heartrate")]
    for name in LISTS:
        for index, item in enumerate(recording.detail.get(name, ())):
            found.append(("detail", (name, index)))
            found += [("detail", (name, index, field)) for field in item]
    found += [("detail", ("gear", name)) for name in recording.detail.get("gear") or ()]
    for name, stream in recording.streams.items():
        found.append(("streams", (name, "data")))
        last = len(stream["data"]) - 1
        found += [("streams", (name, "data", index)) for index in (0, 1, last // 2, last)]
    found += [
        ("streams", ("latlng", "data", 1, index))
        for index in (0, 1)
        if "latlng" in recording.streams
    ]
    return found


def singles(recording: Recording) -> Iterator[list[Change]]:
    """Each place with each extreme."""
    for part, path in places(recording):
        for value in EXTREMES:
            yield [Change(part, path, value)]


def pairs(recording: Recording, chance: random.Random, number: int) -> Iterator[list[Change]]:
    """Two places at a time with extremes."""
    spots = places(recording)
    for _ in range(number):
        yield [Change(*spot, chance.choice(EXTREMES)) for spot in chance.sample(spots, 2)]


def one_of(recording: Recording, chance: random.Random) -> list[Change]:
    """One or two places with extremes."""
    spots = chance.sample(places(recording), chance.choice((1, 2)))
    return [Change(*spot, chance.choice(EXTREMES)) for spot in spots]


def changed(recording: Recording, changes: list[Change]) -> Recording:
    """A copy with the changes made; where one took the other's place away, only that one."""
    parts = {name: getattr(recording, name) for name in ("summary", "detail", "streams")}
    for name in {change.part for change in changes}:
        parts[name] = copy.deepcopy(parts[name])
    for change in changes:
        _replace(parts[change.part], change.path, change.value)
    return Recording(**parts)


def _replace(body: Any, path: _Path, value: Any) -> None:
    *way, last = path
    for step in way:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return
    try:
        if value is not ABSENT:
            body[last] = copy.deepcopy(value)
        elif isinstance(body, dict):
            body.pop(last, None)
        else:
            del body[last]
    except (IndexError, TypeError):
        return
