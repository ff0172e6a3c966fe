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

import numpy as np

from athletics.columns import Column, Floats, Integers
from athletics.distance import StandardDistance
from athletics.track import Track, TrackPiece, nanometers, read_track

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
    """The better of `best` and the piece's best window of `length_nm`."""
    elapsed_s, start_s = (best.elapsed_s, best.start_offset_s) if best else (inf, 0.0)
    bar_s = elapsed_s - TIE_S
    windows_s, least_s, starts_s = _windows(piece, length_nm)
    for place in _falling(np.maximum(windows_s, least_s), bar_s).tolist():
        if windows_s[place] < bar_s and least_s[place] < bar_s:
            elapsed_s, start_s = float(windows_s[place]), float(starts_s[place])
            bar_s = elapsed_s - TIE_S
    return best if elapsed_s == inf else Effort(elapsed_s, start_s)


def _windows(piece: TrackPiece, length_nm: float) -> tuple[Floats, Floats, Floats]:
    """How long windows take, no less than how many seconds of samples, and when they start.

    They are in order of start: before the one that starts at a sample those that start between it
    and the sample before. Those that take a second longer than another are left out: whole seconds
    between samples tell most of them.
    """
    time_s, position_nm, pace = piece.time_s, piece.position_nm, piece.pace_s_per_nm
    goal_nm = position_nm + length_nm
    # Goals within the piece come first, as positions never fall.
    within_nm = goal_nm[: goal_nm.searchsorted(position_nm[-1], side="right")]
    end = position_nm.searchsorted(within_nm)  # the first sample at or beyond the goal
    begun_s = time_s[: len(end)]
    most_s = (time_s[end] - begun_s).min(initial=inf) + 1.0
    starting = (time_s[end - 1] - begun_s <= most_s).nonzero()[0]
    begun_s, end_of = begun_s[starting], end[starting]
    from_s = time_s[end_of] - begun_s - (position_nm[end_of] - goal_nm[starting]) * pace[end_of]
    # Of a sample, the number of goals before it is the first sample with its goal beyond it.
    start = np.bincount(end, minlength=len(time_s)).cumsum()[end[0] :]
    ending = (time_s[end[0] :] - time_s[start] <= most_s).nonzero()[0]
    start = start[ending]
    ending += end[0]
    until_s = time_s[ending] - time_s[start]
    whole_s = until_s + (goal_nm[start] - position_nm[ending]) * pace[start]
    order = np.concatenate((start, starting)).argsort(kind="stable")
    return (
        np.concatenate((whole_s, from_s))[order],
        np.concatenate((until_s, time_s[end_of - 1] - begun_s))[order],
        np.concatenate((time_s[ending] - whole_s, begun_s))[order],
    )


def _falling(values: Floats, below: float) -> Integers:
    """The places of values that are less than all before them, and than `below`."""
    least = np.minimum.accumulate(np.append(below, values))
    return np.flatnonzero(values < least[:-1])
