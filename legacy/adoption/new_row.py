"""pacegraph's tables as the adoption writes, compares and deletes their rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from athletics.sport import RUN_SPORT_TYPES
from db.models.base import RANDOM_ID

_RUNS = ", ".join(f"'{each}'" for each in sorted(RUN_SPORT_TYPES))
_TIMES = {"created_at", "started_at", "started_at_local"}
_RENEWED = {
    "created_at": "coalesce(r.created_at, t.created_at)",
    "visibility": "CASE WHEN t.source_visibility IS NULL THEN r.visibility ELSE t.visibility END",
}
_EDITS = ("edited", "excluded", "notes", "source_visibility")


@dataclass(frozen=True, slots=True)
class CurrentRow:
    """A row as it is now. `changed_at` is when pacegraph last changed what users see.

    Edits of an activity's athlete do not count there. `visibility` is the source's, also where the
    athlete hides the activity.
    """

    values: dict[str, Any]
    changed_at: Any

    @property
    def edited(self) -> set[str]:
        """The columns that an athlete changed here, and no source changes any more."""
        return set(self.values.get("edited") or ())

    @property
    def is_edited(self) -> bool:
        """Whether an athlete edited, excluded, hid or annotated an activity here."""
        return any(self.values.get(name) for name in _EDITS)


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table, with the SQL types of its columns.

    `columns` are adopted. `first` is written at insert only. `renewed` is SQL that each update
    sets as well.
    """

    name: str
    columns: Mapping[str, str]
    first: Mapping[str, str]
    renewed: str
    has_updated_at: bool = True

    def new_ids(self, connection: Connection, number: int) -> list[int]:
        """Draw ids for new rows."""
        statement = text(f"SELECT {RANDOM_ID} FROM generate_series(1, :number)")
        return list(connection.execute(statement, {"number": number}).scalars())

    def insert(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
        """Insert rows with their ids. Returns the ids of those that met no conflict."""
        columns = {**self.columns, **self.first}
        selected = [
            "coalesce(created_at, now())" if name == "created_at" else name for name in columns
        ]
        statement = text(
            f"INSERT INTO public.{self.name} (id, {', '.join(columns)}) "
            f"SELECT id, {', '.join(selected)} FROM {self._recordset(columns)} "
            "ON CONFLICT DO NOTHING RETURNING id"
        )
        return set(connection.execute(statement, {"rows": json.dumps(list(rows))}).scalars())

    def update(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Update all adopted columns of rows, by id."""
        values = ", ".join(f"{name} = {_RENEWED.get(name, f'r.{name}')}" for name in self.columns)
        statement = text(
            f"UPDATE public.{self.name} t SET {values}{self.renewed} "
            f"FROM {self._recordset(self.columns)} WHERE t.id = r.id"
        )
        connection.execute(statement, {"rows": json.dumps(list(rows))})

    def current(
        self, connection: Connection, ids: Iterable[int], *, lock: bool = False
    ) -> dict[int, CurrentRow]:
        """Read the existing rows of `ids`. `lock` locks them until commit."""
        changed_at = "updated_at" if self.has_updated_at else "created_at"
        statement = text(
            f"SELECT id, to_jsonb(t), {changed_at} FROM public.{self.name} t "
            f"WHERE id = ANY(:ids) ORDER BY id {'FOR NO KEY UPDATE' if lock else ''}"
        )
        rows = connection.execute(statement, {"ids": sorted(ids)})
        return {new_id: CurrentRow(_plain(values), changed) for new_id, values, changed in rows}

    def delete(self, connection: Connection, ids: Iterable[int]) -> int:
        """Delete rows and what refers to them. Returns how many rows there were."""
        statement = text(f"DELETE FROM public.{self.name} WHERE id = ANY(:ids) RETURNING id")
        return len(connection.execute(statement, {"ids": sorted(ids)}).all())

    def _recordset(self, columns: Mapping[str, str]) -> str:
        named = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id bigint, {named})"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Write times as Python does, so that they compare with what was recorded."""
    plain = {
        name: datetime.fromisoformat(value).isoformat() if name in _TIMES and value else value
        for name, value in values.items()
    }
    if hidden := plain.get("source_visibility"):
        plain["visibility"] = hidden
    return plain


NEW_TABLES = {
    "athlete": NewTable(
        "athletes",
        {
            "first_name": "text",
            "last_name": "text",
            "sex": "text",
            "birth_date": "date",
            "city": "text",
            "country": "text",
            "measurement_system": "text",
            "created_at": "timestamptz",
        },
        {},
        ", updated_at = now()",
    ),
    "activity": NewTable(
        "activities",
        {
            "athlete_id": "bigint",
            "source": "text",
            "strava_id": "bigint",
            "name": "text",
            "sport_type": "text",
            "started_at": "timestamptz",
            "started_at_local": "timestamp",
            "timezone": "text",
            "distance_m": "float8",
            "moving_time_s": "integer",
            "elapsed_time_s": "integer",
            "elevation_gain_m": "float8",
            "average_heart_rate_bpm": "float8",
            "max_heart_rate_bpm": "float8",
            "average_cadence_rpm": "float8",
            "visibility": "text",
            "flagged": "boolean",
            "manual": "boolean",
            "given_efforts": "jsonb",
            "created_at": "timestamptz",
        },
        {"streams_state": "text"},
        # Efforts depend on what changed, so they are derived again. The older service had no
        # streams.
        """, source_visibility = CASE WHEN t.source_visibility IS NOT NULL THEN r.visibility END,
            updated_at = now(), efforts_version = NULL, streams_state = CASE
            WHEN t.streams_state NOT IN ('ABSENT', 'UNWANTED') THEN t.streams_state
            WHEN r.sport_type IN (@runs) THEN 'ABSENT' ELSE 'UNWANTED' END""".replace(
            "@runs", _RUNS
        ),
    ),
    "feedback": NewTable(
        "feedback",
        {"account_id": "bigint", "message": "text", "contact": "text", "created_at": "timestamptz"},
        {},
        "",
        has_updated_at=False,
    ),
}
