"""What every line of the log about a job tells of it, in whatever process it is written."""

from typing import Any

__all__ = ["log_fields"]


def log_fields(row: Any) -> dict[str, Any]:
    """Make the fields of a row of `jobs`, or of its news; those it has none of are left out.

    The ids are of the request that created the job, whoever works on it now, and however often it was tried.
    """
    fields = {
        "job_id": row.id,
        "kind": row.kind,
        "athlete_id": row.athlete_id,
        "request_id": row.request_id,
        "trace_id": row.trace_id,
    }
    return {name: value for name, value in fields.items() if value is not None}
