"""What a shape of an operation is, for `bench.work_per_point`, and what shapes name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

STREAM = {"accept": "text/event-stream"}
"""Headers of a subscription: its first event is measured, then the connection is closed."""
PARTS = {"accept": "multipart/mixed;deferSpec=20220824, application/json"}
"""Headers of an answer in parts."""
DRY_RUN = {"graphql-cost": "validate"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What shapes name.

    `slow_cursor` is of the 200th slowest effort, `cursors` are of the tenth entry of the lists in
    `bench.work_facts`, by their name. `recording` is one of a run with two, `job` an
    import that ended, `token` one that was revoked. All others are global ids too.
    """

    athlete: str
    activities: list[str]
    efforts: list[str]
    slow_cursor: str
    recording: str
    gear: str
    job: str
    token: str
    cursors: dict[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """An operation. `text` has `$athlete` and others for facts.

    `is_own` shapes need rows of the caller's own. `$unlike` in `text` differs at each sending, so
    the document is new to the server. `is_invalid`: it does not fit the schema.
    """

    name: str
    text: str
    is_own: bool = False
    vary: Callable[[int], dict[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_invalid: bool = False

    def query(self, facts: Facts) -> str:
        return Template(self.text).safe_substitute(
            athlete=facts.athlete, cursor=facts.slow_cursor, effort=facts.efforts[0],
            activity=facts.activities[0], recording=facts.recording, gear=facts.gear,
            job=facts.job, token=facts.token, **facts.cursors,
            ids=", ".join(f'"{each}"' for each in facts.activities),
            efforts=" ".join(
                f'e{n}: excludeBestEffort(input: {{ bestEffortId: "{each}", excluded: true }}) '
                "{ bestEffort { rank } }"
                for n, each in enumerate(facts.efforts)
            ),
        )  # fmt: skip


def of_athlete(selection: str) -> str:
    """Ask for a selection of the measured athlete."""
    return f'{{ athlete(id: "$athlete") {{ {selection} }} }}'


def aliased(field_text: str, times: int = 30) -> str:
    """Repeat a field under other names; `%` in it becomes the number."""
    return " ".join(f"a{n}: {field_text.replace('%', str(n))}" for n in range(times))
