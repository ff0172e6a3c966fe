"""Measure pages of lists where others have many rows: `python -m bench.list_growth --rows 1000000`.

Every list of the schema, with each filter and order, alone and in pairs (`bench/list_shapes.py`), for
an administrator, an owner of 4,000 runs and a stranger: where all share, where hardly anybody does,
and with SHARING=off. Each page is asked for often enough for PostgreSQL to choose a plan for all
values, and its best time counts. A page takes at most 25 ms, twice that above 10⁶ rows, or costs
what it takes. Exits with 1 if one does neither.

The first run with a number of rows writes them, some minutes for a million.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.list_rows import let_share, provide_others
from bench.list_shapes import LISTS, Page
from bench.serving import ROOT, print_table
from bench.work_measured import Measured, measured
from bench.work_shape import Shape

MANY, LIMIT_MS, LIMIT_OF_MORE_MS = 10**6, 25.0, 50.0
LEAST_POINTS_PER_MS = 12.0
"""Half of COST_PER_DATABASE_MS: a page that takes long and costs less does not tell the truth."""
RUNS = 4000
VIEWERS = ("stranger", "owner", "admin")
_SEES_FEW = ("stranger", "few share")
_OWN_ACTIVITIES = 20_000
_TIMES, _LEAST_ROUNDS = 8, 3
"""PostgreSQL may choose another plan from the sixth time on."""
_COUNTED = 2
"""Of a page's times, the last that count."""
_SLOW_MS = 150.0
"""What takes longer at first is not asked for again as often."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one page took one caller in CPU, and what it cost."""

    page: str
    viewer: str
    state: str
    ms: float
    points: int
    error: str = ""

    def is_fine(self, limit_ms: float) -> bool:
        within = self.ms <= limit_ms or self.points >= LEAST_POINTS_PER_MS * self.ms
        return within and not self.error


def main() -> int:
    options = _arguments()
    limit_ms = LIMIT_MS if options.rows <= MANY else LIMIT_OF_MORE_MS
    figures = [each for sharing in ("on", "off") for each in _figures(options, sharing, limit_ms)]
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=1))
    return _report(figures, limit_ms)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=MANY, help="activities of others")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the pages' names")
    parser.add_argument("--every", type=int, default=1, help="take each n-th statement only")
    parser.add_argument("--viewers", nargs="+", choices=VIEWERS, default=list(VIEWERS))
    parser.add_argument("--port", default="4200")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    options.home = ROOT / f".local-bench-lists-{options.rows}"
    options.activities, options.runs = _OWN_ACTIVITIES, RUNS
    return options


def _figures(options: argparse.Namespace, sharing: str, limit_ms: float) -> Iterator[Figure]:
    options.sharing = sharing
    with measured(options) as database:
        count = provide_others(database.dsn, options.rows)
        (options.home / "activities.txt").write_text(str(count))
        states = {"all share": True, "few share": False} if sharing == "on" else {"off": True}
        for state, all_athletes in states.items():
            let_share(database.dsn, all_athletes=all_athletes)
            for viewer in options.viewers:
                # administrators see all, whoever shares; with SHARING=off strangers see nothing
                if viewer == "owner" or state == "all share" or (viewer, state) == _SEES_FEW:
                    for each in _of_viewer(database, viewer, state, options):
                        if each.ms > limit_ms:
                            print(f"| {' | '.join(_cells(each))} |", flush=True)
                        yield each


def _of_viewer(
    database: Measured, viewer: str, state: str, options: argparse.Namespace
) -> Iterator[Figure]:
    lists = (each for each in LISTS if viewer in each.viewers)
    groups = (
        [page for page in group if any(part in page.name for part in options.only)]
        for each in lists
        for group in each.groups()
    )
    asked = (each for each in groups if each)
    for group in islice(asked, 0, None, options.every):
        yield from _of_group(database, group, viewer, state)


def _of_group(
    database: Measured, pages: Sequence[Page], viewer: str, state: str
) -> Iterator[Figure]:
    """Ask for pages of one statement in turn. The better of a page's last two times counts."""
    figures: dict[Page, list[Figure]] = {each: [] for each in pages}
    for _ in range(max(_LEAST_ROUNDS, -(-_TIMES // max(1, len(pages))))):
        for page, asked in figures.items():
            if len(asked) < _COUNTED or min(each.ms for each in asked) < _SLOW_MS:
                asked.append(_figure(database, page, viewer, state))
    for asked in figures.values():
        yield min(asked[-_COUNTED:], key=lambda each: each.ms)


def _figure(database: Measured, page: Page, viewer: str, state: str) -> Figure:
    shape = Shape(page.name, page.text)
    query = shape.query(database.facts_for(viewer))
    before_s = database.cpu_s()
    answer: dict[str, Any] = database.send(query, viewer, shape)
    ms = 1000 * (database.cpu_s() - before_s)
    error = "; ".join(each["message"] for each in answer.get("errors", ()))
    points = answer.get("extensions", {}).get("cost", {}).get("actual", 0)
    return Figure(page.name, viewer, state, ms, points, error)


def _report(figures: Sequence[Figure], limit_ms: float) -> int:
    slow = sorted((each for each in figures if each.ms > limit_ms), key=lambda each: -each.ms)
    wrong = [each for each in figures if not each.is_fine(limit_ms)]
    print_table(
        ["page", "viewer", "who shares", "CPU ms", "points", "error"], [_cells(e) for e in slow]
    )
    print(f"{len(figures)} pages, {len(figures) - len(slow)} of them within {limit_ms:g} ms of CPU")
    print(f"{len(slow) - len(wrong)} cost what they take, {len(wrong)} do not (wanted: 0)\n")
    return int(bool(wrong))


def _cells(figure: Figure) -> list[str]:
    return [
        figure.page, figure.viewer, figure.state, f"{figure.ms:.1f}", str(figure.points),
        figure.error,
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
