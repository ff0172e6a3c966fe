"""Measure the CPU a point of queries that are drawn from the schema: `python -m bench.generated_work`.

The rows are those of `bench.work_per_point`, and so are the options. `--seed` and `--queries` say
which and how many: the viewers take turns. What would be refused for its cost is a dry run instead.
Prints both ends, the ratio of the 99th to the 1st percentile, and how many have an actual cost above
the requested one.
"""

import argparse
import json
import sys
from itertools import cycle

from bench.generated_queries import GeneratedQueries
from bench.work_measured import Figure, Measured, add_options, measured
from bench.work_report import Spread, count_above, print_figure, print_report, ratio
from bench.work_shape import DRY_RUN, Shape
from graph.schema.build import build_schema
from settings import Settings

MAX_RATIO = 8.0
COST_LIMIT: int = Settings.model_fields["cost_limit"].default
"""The benchmark's server refuses nothing because of its cost."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rows", type=int, default=15, help="rows of each end; 0: all")
    options = parser.parse_args()
    with measured(options) as database:
        figures = _figures(database, options.viewers, options.seed, options.queries)
        own_s = database.own_s
    if options.json:
        options.json.write_text(json.dumps([each.as_json() for each in figures], indent=1))
    print_report(figures, options.rows, own_s)
    spread = Spread.of_figures(figures)
    print(f"wanted: at most {MAX_RATIO:g} times from the 1st to the 99th percentile, none above")
    return int(ratio(spread.last, spread.first) > MAX_RATIO or count_above(figures) > 0)


def _figures(database: Measured, viewers: list[str], seed: int, count: int) -> list[Figure]:
    schema = build_schema().core
    drawn = {
        viewer: iter(GeneratedQueries(schema, database.facts_for(viewer), seed + number))
        for number, viewer in enumerate(viewers)
    }
    figures: list[Figure] = []
    for viewer in cycle(viewers):
        if len(figures) == count:
            return figures
        text = next(drawn[viewer])
        is_dear = database.requested(text, viewer) > COST_LIMIT
        figures.append(
            database.figure(Shape(text, text, headers=DRY_RUN if is_dear else {}), viewer)
        )
        print_figure(figures[-1])
    return figures


if __name__ == "__main__":
    sys.exit(main())
