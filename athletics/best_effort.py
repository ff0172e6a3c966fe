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

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from athletics.distance import StandardDistance
from athletics.track import Track, TrackPiece, nanometers, read_track

TIE_S = 1e-9


@dataclass(frozen=True, slots=True)
class Effort:
    """Both unrounded; `start_offset_s` is on the clock of the time stream."""

    elapsed_s: float
    start_offset_s: float


def best_efforts(
    time_s: Sequence[float],
    distance_m: Sequence[float],
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
    found = (
        (distance, _best_of_track(track.pieces, nanometers(distance.meters)))
        for distance in distances
    )
    return {distance: effort for distance, effort in found if effort is not None}


def _best_of_track(pieces: Iterable[TrackPiece], length_nm: float) -> Effort | None:
    best: Effort | None = None
    for piece in pieces:
        if piece.length_nm >= length_nm:
            best = _best_of_piece(piece, length_nm, best)
    return best


def _best_of_piece(piece: TrackPiece, length_nm: float, best: Effort | None) -> Effort | None:
    """The better of `best` and the piece's best window of `length_nm`.

    Two pointers, one pass, in order of start: `goal` is where a window from the current sample
    ends, `end` the first sample at or beyond it. While `end` moves up to the goal, each sample it
    passes ends a window that starts between the previous and the current sample. Whole seconds
    between samples rule most windows out before anything is interpolated; this loop is the costly
    one, hence its shape.
    """
    time_s, pace_s_per_nm = piece.time_s, piece.pace_s_per_nm
    position_nm = [*piece.position_nm, inf]  # stops `end` without a test of length
    samples = len(time_s)
    elapsed_s, start_s = (best.elapsed_s, best.start_offset_s) if best else (inf, 0.0)
    bar_s = elapsed_s - TIE_S
    end = bisect_left(position_nm, position_nm[0] + length_nm)
    for t, p, pace in zip(time_s, position_nm, pace_s_per_nm):  # noqa: B905 - strict would refuse the sentinel
        goal = p + length_nm
        while position_nm[end] < goal:
            window_s = time_s[end] - t
            if window_s < bar_s:
                window_s += (goal - position_nm[end]) * pace
                if window_s < bar_s:
                    elapsed_s, start_s = window_s, time_s[end] - window_s
                    bar_s = window_s - TIE_S
            end += 1
        if end == samples:
            break
        if time_s[end - 1] - t < bar_s:
            window_s = time_s[end] - t - (position_nm[end] - goal) * pace_s_per_nm[end]
            if window_s < bar_s:
                elapsed_s, start_s = window_s, t
                bar_s = window_s - TIE_S
    return best if elapsed_s == inf else Effort(elapsed_s, start_s)
