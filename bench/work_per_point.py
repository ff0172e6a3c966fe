"""Measure the CPU of operations a point of their cost: `python -m bench.work_per_point`.

Serves the benchmark's rows, one athlete with 20,000 runs and one with 200, and sends shapes of
operations (`bench/work_shapes.py`) as a stranger, as the athlete and as an administrator. CPU is
that of the API, its documents' process and PostgreSQL, for all of a request. Prints each figure as
it is known, then those with the most and the least CPU a point and the ratio of the two.

Options scale it down: `--activities 20000 --runs 4000`. `--sharing off` measures athletes who see
only themselves.
"""

import argparse
import json
import sys

from bench.work_measured import Figure, Measured, add_options, measured
from bench.work_report import MAX_CPU_S, Spread, count_above, print_figure, print_report, ratio
from bench.work_shapes import shapes

MAX_RATIO = 20.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the shapes' names")
    parser.add_argument("--rows", type=int, default=25, help="rows of each end; 0: all")
    return parser.parse_args()


def main() -> int:
    options = _arguments()
    with measured(options) as database:
        figures = _figures(database, options.only, options.viewers)
        own_s = database.own_s
    if options.json:
        options.json.write_text(json.dumps([each.as_json() for each in figures], indent=1))
    print_report(figures, options.rows, own_s)
    spread = Spread.of_figures(figures)
    print(f"wanted: at most {MAX_RATIO:g} times from least to most")
    is_too_dear = max(each.cpu_s for each in figures) > MAX_CPU_S
    is_unlike = ratio(spread.most, spread.least) > MAX_RATIO
    return int(is_unlike or is_too_dear or count_above(figures) > 0)


def _figures(database: Measured, only: list[str], viewers: list[str]) -> list[Figure]:
    figures = []
    for shape in shapes():
        for viewer in viewers:
            is_asked = any(each in shape.name for each in only)
            if is_asked and not (shape.is_own and viewer == "stranger"):
                figures.append(database.figure(shape, viewer))
                print_figure(figures[-1])
    return figures


if __name__ == "__main__":
    sys.exit(main())
