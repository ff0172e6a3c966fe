"""Logs: the same fields on every line of every process, as JSON or as text, with what surrounds the line.

Every process sets its logs up once, with `set_up`. What surrounds a line, such as the request or the job that it
belongs to, is put around the code that writes it, with `bound(job_id=…)`, and reaches every line written inside, in
whatever module. `docs/logs.md` lists the fields.

No line holds a secret, whoever logs it: neither one of the settings, nor what looks like a token.
"""

from logs.process import child_process, log_end, prepare, set_up, set_up_early, tell
from logs.surroundings import begin, bind, bound, correlation
from logs.writing import write

__all__ = [
    "begin",
    "bind",
    "bound",
    "child_process",
    "correlation",
    "log_end",
    "prepare",
    "set_up",
    "set_up_early",
    "tell",
    "write",
]
