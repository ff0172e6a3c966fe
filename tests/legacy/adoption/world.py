"""What a test of the adoption acts in: the older service's database and the commands on it."""

import json
from typing import Any

import psycopg
from psycopg.rows import dict_row

from jobs.runner import SETTINGS, run
from legacy.adoption.command import AdoptionOptions, adopt
from settings import Settings

OLD_TABLES = {
    "athlete": "public.athlete",
    "activity": "public.activity",
    "best_effort": "public.best_effort",
    "personal_best": "public.personal_best",
    "activity_split": "public.activity_split",
    "activity_feedback": "public.activity_feedback",
    "feedback": "legacy.feedback",
    "alembic_version": "legacy.alembic_version",
}


class World:
    def __init__(self, settings: Settings, capsys) -> None:
        assert settings.database_url
        self.settings = settings
        self._capsys = capsys
        self._connection = psycopg.connect(
            settings.database_url.get_secret_value(),
            autocommit=True,
            row_factory=dict_row,
            options="-c timezone=UTC",
        )

    def close(self) -> None:
        self._connection.close()

    # --- commands

    def adopt(self, **wanted: Any) -> list[str]:
        """Run `pacegraph adopt`, which must succeed; returns the lines it printed."""
        code, lines = self.run(**wanted)
        assert code == 0, lines
        return lines

    def run(self, **wanted: Any) -> tuple[int, list[str]]:
        self._capsys.readouterr()
        code = adopt(self.settings, AdoptionOptions(**wanted))
        return code, self._capsys.readouterr().out.splitlines()

    def recalculate(self) -> None:
        """Do the work of the queued jobs, as a worker does."""
        for job in self.rows("SELECT id FROM jobs WHERE status = 'QUEUED' ORDER BY created_at"):
            token = SETTINGS.set(self.settings)
            try:
                run(job["id"])
            finally:
                SETTINGS.reset(token)
        assert self.value("SELECT count(*) FROM jobs WHERE status <> 'SUCCEEDED'") == 0

    # --- rows

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return self._connection.execute(sql, values or None).fetchall()

    def one(self, sql: str, *values: Any) -> dict[str, Any]:
        [row] = self.rows(sql, *values)
        return row

    def value(self, sql: str, *values: Any) -> Any:
        [value] = self.one(sql, *values).values()
        return value

    def write(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values or None).rowcount

    def activity(self, name: str) -> dict[str, Any] | None:
        """The row that the old activity `name` became."""
        found = self.rows(
            "SELECT n.* FROM activity o JOIN legacy.ids i ON i.kind = 'activity' AND i.old_id = o.id::text "
            "JOIN activities n ON n.id = i.new_id WHERE o.name = %s",
            name,
        )
        assert len(found) <= 1
        return found[0] if found else None

    def aside(self, name: str) -> list[str]:
        """Why the old activity `name`, or values of it, were kept aside."""
        return [
            row["reason"]
            for row in self.rows(
                "SELECT reason FROM legacy.kept_aside k JOIN activity o ON o.id::text = k.old_id "
                "WHERE k.source = 'activity' AND o.name = %s ORDER BY reason",
                name,
            )
        ]

    def old_contents(self) -> dict[str, str]:
        """A fingerprint of every old table."""
        return {
            name: self.value(
                f"SELECT md5(coalesce(string_agg(to_jsonb(t)::text, '' ORDER BY to_jsonb(t)::text), '')) FROM {table} t"
            )
            for name, table in OLD_TABLES.items()
        }

    def new_contents(self) -> str:
        """All that the adoption writes, without what hangs on when and how often it ran."""
        tables = ("athletes", "activities", "strava_connections", "accounts", "feedback")
        left_out = ["updated_at", "data_version", "efforts_version"]
        contents = [
            self.rows(
                f"SELECT to_jsonb(t) - %s::text[] AS row FROM public.{table} t ORDER BY id",
                left_out,
            )
            for table in tables
        ]
        contents.append(self.rows("SELECT * FROM legacy.ids ORDER BY kind, old_id"))
        contents.append(
            self.rows(
                "SELECT source, old_id, reason, adopted FROM legacy.kept_aside ORDER BY 1, 2, 3"
            )
        )
        return json.dumps(contents, indent=0, default=str)
