"""Logs with the same fields on every line of every process, as JSON or as text.

Every process calls `set_up` once. `bound(job_id=…)` adds fields, such as the request or the job, to
every line logged inside its block, in any module. `docs/logs.md` lists the fields. No line contains
a secret of the settings, or a text that looks like a token.
"""

from logs.context import begin, bind, bound, correlation
from logs.handlers import DIFFERS, HARMLESS_LENGTH, LineForm, left_out_lines, write
from logs.setup import (
    child_process,
    flush_reports,
    log_end,
    our_version,
    prepare,
    report_errors,
    set_up,
    set_up_early,
    tell,
)

__all__ = [
    "DIFFERS",
    "HARMLESS_LENGTH",
    "LineForm",
    "begin",
    "bind",
    "bound",
    "child_process",
    "correlation",
    "flush_reports",
    "left_out_lines",
    "log_end",
    "our_version",
    "prepare",
    "report_errors",
    "set_up",
    "set_up_early",
    "tell",
    "write",
]
