"""Other parsers of FIT, GPX and TCX, to compare ours with. Each is used where it is installed."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class Second:
    """What a second parser found; `distance_m` is None where it tells none."""

    samples: int = 0
    distance_m: float | None = None
    problem: str = ""

    def said(self) -> str:
        if self.problem:
            return self.problem[:80]
        return "no distance" if self.distance_m is None else f"{self.distance_m / 1000:.2f} km"


def second_reading(file_format: str, source: BinaryIO) -> Second | None:
    """Read a file with the other parser of its format; None where that is not installed."""
    name, read = _PARSERS[file_format.upper()]
    try:
        module = import_module(name)
    except ImportError:
        return None
    try:
        return read(module, source)
    except Exception as error:  # noqa: BLE001 - all that it raises is what it says of the file
        return Second(problem=f"{type(error).__name__}: {error}".replace("|", "/"))


def _fit(module: Any, source: BinaryIO) -> Second:
    messages, _ = module.Decoder(module.Stream.from_byte_array(bytearray(source.read()))).read()
    records = messages.get("record_mesgs", [])
    sessions = messages.get("session_mesgs", [])
    totals = [each["total_distance"] for each in sessions if "total_distance" in each]
    along = [each["distance"] for each in records if each.get("distance") is not None]
    distance = sum(totals) if totals else max(along, default=None)
    return Second(len(records), distance)


def _gpx(module: Any, source: BinaryIO) -> Second:
    read = module.parse(source)
    return Second(read.get_track_points_no(), read.length_2d())


def _tcx(module: Any, source: BinaryIO) -> Second:
    with NamedTemporaryFile(suffix=".tcx") as file:
        file.write(source.read())
        file.flush()
        read = module.TCXReader().read(file.name)
    samples = sum(1 for _ in read.trackpoints)
    distance = None
    with suppress(TypeError, ValueError):
        distance = float(read.distance)
    return Second(samples, distance)


_PARSERS: Mapping[str, tuple[str, Callable[[Any, BinaryIO], Second]]] = {
    "FIT": ("garmin_fit_sdk", _fit),
    "GPX": ("gpxpy", _gpx),
    "TCX": ("tcxreader.tcxreader", _tcx),
}
