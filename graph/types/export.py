"""Archives of all data of an athlete."""

from datetime import datetime

from db import models as m
from db.statements.athletes.export import is_there
from graph.mapping.relation import Lookup, rows_by
from graph.mapping.row_type import column, row_type


@row_type(m.Export, "An archive of all that is stored of an athlete (docs/export.md).")
class Export:
    """An export's row, while it can be downloaded."""

    url: str = column(
        m.Export.url,
        "Download it here until `expiresAt`, also in parts (`Range`). It needs no other "
        "permission than the address.",
    )
    size_bytes: float = column(m.Export.size, "Size in bytes, a whole number.")
    ready_at: datetime = column(m.Export.ready_at, "Time it was made.")
    expires_at: datetime = column(m.Export.expires_at, "Time it is deleted.")


EXPORT_OF_JOB = Lookup("Export", m.Job.id, rows_by(m.Export, m.Export.job_id, always=[is_there()]))
