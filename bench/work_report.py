"""What is told of CPU a point, for `bench.work_per_point` and `bench.generated_work`."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.serving import print_table
from bench.work_measured import Figure

MAX_CPU_S = 2.0
_HEAD = ["Shape", "viewer", "requested", "actual", "charged", "CPU ms", "ms a point", "answer"]
_FIRST, _LAST = 0.01, 0.99
_SHOWN = 400
"""Characters of a shape's name, which may be a query."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds of CPU a point over figures of which it can be told."""

    least: float
    first: float
    last: float
    most: float
    told: int

    @classmethod
    def of_figures(cls, figures: Sequence[Figure]) -> "Spread":
        values = sorted(each.ms_per_point for each in figures if each.is_told)
        if not values:
            return cls(0.0, 0.0, 0.0, 0.0, 0)
        first, last = (values[round(share * (len(values) - 1))] for share in (_FIRST, _LAST))
        return cls(values[0], first, last, values[-1], len(values))

    def __str__(self) -> str:
        return (
            f"{self.least:.4f}, {self.first:.4f} … {self.last:.4f}, {self.most:.4f} ms a point "
            f"(least, 1st, 99th percentile, most): {ratio(self.last, self.first):.1f} and "
            f"{ratio(self.most, self.least):.1f} times"
        )


def count_above(figures: Sequence[Figure]) -> int:
    """Count the operations whose objects cost more than was requested."""
    return sum(each.actual > each.requested for each in figures)


def ratio(most: float, least: float) -> float:
    """Divide, where nothing by nothing is 1."""
    return most / least if least else 1.0


def print_figure(figure: Figure) -> None:
    """Print a line as soon as it is known."""
    print(f"| {' | '.join(_cells(figure))} |", flush=True)


def print_report(figures: Sequence[Figure], rows: int, own_s: float) -> None:
    """Print both ends, what was charged beyond `requested` for its work, and the spread."""
    told = sorted((each for each in figures if each.is_told), key=lambda each: each.ms_per_point)
    above = [each for each in figures if each.charged > each.requested and not each.answer]
    above.sort(key=lambda each: each.charged - each.requested, reverse=True)
    for title, part in (
        ("most", told[::-1]), ("least", told), ("work beyond requested", above),
    ):  # fmt: skip
        print(f"\n{title}:\n")
        print_table(_HEAD, [_cells(each) for each in part[: rows or None]])
    dearest = max(figures, key=lambda each: each.cpu_s)
    print(
        f"{len(figures)} figures, {len(told)} that were not ended; "
        f"a request for one object: {1000 * own_s:.2f} ms"
    )
    print(f"{len(above)} charged for work beyond what was requested")
    print(f"{count_above(figures)} with an actual cost above what was requested")
    print(f"all: {Spread.of_figures(figures)}")
    for viewer in dict.fromkeys(each.viewer for each in figures):
        print(f"{viewer}: {Spread.of_figures([each for each in figures if each.viewer == viewer])}")
    print(
        f"dearest: {dearest.shape}, {dearest.viewer}: {dearest.cpu_s:.2f} s (wanted: {MAX_CPU_S:g})"
    )


def _cells(figure: Figure) -> list[str]:
    return [
        figure.shape[:_SHOWN], figure.viewer, str(figure.requested), str(figure.actual),
        str(figure.charged), f"{1000 * figure.cpu_s:.2f}", f"{figure.ms_per_point:.4f}", figure.answer,
    ]  # fmt: skip
