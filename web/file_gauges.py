"""What `/metrics` says of stored files."""

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric


def file_gauges(rows: Sequence[Any]) -> Iterator[Metric]:
    """Yield the gauges of rows of `db.statements.stored_files.state`."""
    files = GaugeMetricFamily(
        "pacegraph_stored_files",
        "Files stored for athletes: uploads, exports, originals_database, originals_folder.",
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
