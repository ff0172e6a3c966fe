"""What `/metrics` says of stored files."""

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric


def file_gauges(rows: Sequence[Any], removals: Any) -> Iterator[Metric]:
    """Yield the gauges of rows of `db.statements.files.stored_files.state`.

    `removals` is the row of `db.statements.files.original_removal.state`.
    """
    files = GaugeMetricFamily(
        "pacegraph_stored_files",
        "Files stored for athletes: uploads, exports, originals and samples, by place.",
        labels=["what"],
    )
    size = GaugeMetricFamily(
        "pacegraph_stored_file_bytes",
        "Bytes that they take; of uploads, those that have arrived.",
        labels=["what"],
    )
    for row in rows:
        files.add_metric([row.what], row.files)
        size.add_metric([row.what], float(row.bytes))
    yield files
    yield size
    yield GaugeMetricFamily(
        "pacegraph_original_removals",
        "Files of originals that were deleted and are still in their folder or bucket.",
        removals.removals if removals else 0,
    )
    yield GaugeMetricFamily(
        "pacegraph_original_removals_failed",
        "Those among them that could not be deleted yet.",
        removals.failed if removals else 0,
    )
