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
    ticks = list(range(0, 3141, 30))
    even = {
        "time": {"data": ticks},
        "distance": {"data": [round(5781.1 * tick / 3140, 1) for tick in ticks]},
        "heartrate": {"data": [140] * len(ticks)},
    }
    recordings = [Recording(_summary_of(example), example, even)]
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
    """Where something can be replaced: every field, best effort and stream, and some samples."""
    found: list[tuple[str, _Path]] = []
    for part in ("summary", "detail", "streams"):
        body = getattr(recording, part)
        found += [(part, (name,)) for name in body]
        found += [(part, (name,)) for name in ("visibility", "flagged", "average_heartrate")]
    for index, effort in enumerate(recording.detail["best_efforts"]):
        found.append(("detail", ("best_efforts", index)))
        found += [("detail", ("best_efforts", index, name)) for name in effort]
    for name, stream in recording.streams.items():
        found.append(("streams", (name, "data")))
        last = len(stream["data"]) - 1
        found += [("streams", (name, "data", index)) for index in (0, 1, last // 2, last)]
    return found


def variants(recording: Recording, chance: random.Random, number: int) -> Iterator[list[Change]]:
    """Each place with each extreme once, in random order, then pairs: `number` in all."""
    spots = places(recording)
    singles = [[Change(part, path, value)] for part, path in spots for value in EXTREMES]
    chance.shuffle(singles)
    yield from singles[:number]
    for _ in range(number - len(singles)):
        yield [Change(*spot, chance.choice(EXTREMES)) for spot in chance.sample(spots, 2)]


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
