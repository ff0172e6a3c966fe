"""The fields that each log record about a job has, in every process."""

from typing import Any


def log_fields(row: Any) -> dict[str, Any]:
    """Make the fields of a row of `jobs`, or of a job's summary, without those that are null.

    The request and trace ids are those of the request that created the job.
    """
    fields = {
        "job_id": row.id,
        "kind": row.kind,
        "athlete_id": row.athlete_id,
        "request_id": row.request_id,
        "trace_id": row.trace_id,
    }
    return {name: value for name, value in fields.items() if value is not None}
