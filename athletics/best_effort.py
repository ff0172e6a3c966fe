"""The best efforts inside one activity, found in its time and distance streams.

A best effort over distance d is the least elapsed time of any window of exactly d meters, distance
interpolated linearly between stream samples, windows starting or ending at a sample; time includes
pauses. A window that starts at a sample ends at the earliest time its distance is reached; one that
ends at a sample starts at the latest time its distance was held. Of windows that take equally long,
to the nanosecond, the earliest counts.

No window spans a break of the track; `athletics.track` says what breaks it, and what does not.

Time as a function of distance is linear between samples, so the time a window takes is linear in
its place between those where one end meets a sample: the definition finds the least over all
windows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from athletics.columns import Column
from athletics.distance import StandardDistance
from athletics.fast_windows import FastWindow, fast_windows
from athletics.track import Track, nanometers, read_track

TIE_S = 1e-9


@dataclass(frozen=True, slots=True)
class Effort:
    """Both unrounded; `start_offset_s` is on the clock of the time stream."""

    elapsed_s: float
    start_offset_s: float


def best_efforts(
    time_s: Column,
    distance_m: Column,
    distances: Iterable[StandardDistance] = StandardDistance,
) -> dict[StandardDistance, Effort]:
    """The best effort over each of `distances` that an unbroken piece of the track covers.

    `time_s` and `distance_m` are the samples, from the activity's start. No judgement of what is
    humanly possible is made here. StreamError for streams that are no track.
    """
    return best_efforts_of_track(read_track(time_s, distance_m), distances)


def best_efforts_of_track(
    track: Track, distances: Iterable[StandardDistance] = StandardDistance
) -> dict[StandardDistance, Effort]:
    """As `best_efforts`, of samples that were read."""
    lengths_nm = {distance: nanometers(distance.meters) for distance in distances}
    found: dict[StandardDistance, Effort] = {}
    for piece in track.pieces:
        covered = [each for each, length_nm in lengths_nm.items() if piece.length_nm >= length_nm]
        windows = fast_windows(piece, [lengths_nm[each] for each in covered])
        for distance, of_distance in zip(covered, windows, strict=True):
            found[distance] = _best_of(of_distance, found.get(distance))
    return {distance: found[distance] for distance in lengths_nm if distance in found}


def _best_of(windows: Iterable[FastWindow], best: Effort | None) -> Effort:
    """The better of `best` and the best of windows in order of start."""
    elapsed_s, start_s = (best.elapsed_s, best.start_offset_s) if best else (inf, 0.0)
    bar_s = elapsed_s - TIE_S
    for took_s, least_s, started_s in windows:
        if took_s < bar_s and least_s < bar_s:
            elapsed_s, start_s = took_s, started_s
            bar_s = elapsed_s - TIE_S
    return Effort(elapsed_s, start_s)
