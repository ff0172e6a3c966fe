"""Reads the first athlete's runs from a file: each line has `activity` and `streams` as JSON."""

from pathlib import Path
from typing import Any

import orjson

from runtime.errors import PacegraphError
from strava.errors import StravaBadData
from strava.fields import OUT_OF_RANGE, TOO_LARGE
from strava.payloads import parse_activity
from strava_simulator.activity import SimulatedActivity, Streams

_NUMBERS = {int, float}
_KINDS = {"latlng": "a pair of numbers", "moving": "true or false"}


class SimulatorRunsInvalid(PacegraphError):
    """The file of runs is invalid.

    The message is one line with the file and, if one is at fault, the line number.
    """

    def __init__(self, path: Path, problem: str, line: int | None = None) -> None:
        super().__init__(f"{path}{'' if line is None else f', line {line}'}: {problem}")
        self.path = path
        self.line = line


def load_runs(path: Path, athlete_id: int) -> list[SimulatedActivity]:
    """Read the activities in the file, in its order; empty lines are skipped.

    Raises SimulatorRunsInvalid.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SimulatorRunsInvalid(path, error.strerror or "cannot be read") from None
    runs: dict[int, SimulatedActivity] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        run = _run(path, number, line, athlete_id)
        if run.id in runs:
            raise SimulatorRunsInvalid(
                path, f"activity {run.id} stands in an earlier line too", number
            )
        runs[run.id] = run
    return list(runs.values())


def _run(path: Path, number: int, line: bytes, athlete_id: int) -> SimulatedActivity:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SimulatorRunsInvalid(path, f"is not JSON ({error.msg})", number) from None
    if not isinstance(entry, dict) or not isinstance(entry.get("activity"), dict):
        raise SimulatorRunsInvalid(path, 'is not an object with "activity" and "streams"', number)
    try:
        parse_activity(entry["activity"])
    except StravaBadData as error:
        # Numbers and times beyond all measure are served: Strava might send them as well.
        if error.problem not in {TOO_LARGE, OUT_OF_RANGE}:
            raise SimulatorRunsInvalid(
                path, f"activity.{error.field} {error.problem}", number
            ) from None
    if problem := streams_problem(entry.get("streams")):
        raise SimulatorRunsInvalid(path, problem, number)
    streams: Streams | None = entry.get("streams") or None
    return SimulatedActivity(athlete_id, entry["activity"], lambda: streams)


def streams_problem(streams: Any) -> str | None:
    """Describe what is wrong with `streams` (None: there are none); None if nothing is."""
    if streams is None:
        return None
    if not isinstance(streams, dict) or not all(
        isinstance(samples, list) for samples in streams.values()
    ):
        return "streams is not an object of lists"
    if streams and not {"time", "distance"} <= streams.keys():
        return "streams lacks time or distance"
    if len({len(samples) for samples in streams.values()}) > 1:
        return "streams are of different lengths"
    for key, samples in streams.items():
        if not all(_is_sample(key, sample) for sample in samples):
            return f"streams hold something in {key} that is not {_KINDS.get(key, 'a number')}"
    return None


def _is_sample(key: str, sample: Any) -> bool:
    """Tell whether Strava could send this. Null is for what a sensor did not give."""
    if sample is None:
        return key not in {"time", "distance"}
    if key == "latlng":
        return (
            isinstance(sample, list) and [type(each) in _NUMBERS for each in sample] == [True] * 2
        )
    return type(sample) is bool if key == "moving" else type(sample) in _NUMBERS
