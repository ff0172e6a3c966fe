"""The lines of an import's report, and what waits to be written with each."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from db.models import ImportOutcome
from jobs.imports.prepared_file import PreparedActivity, PreparedFile, gear_of
from jobs.sync.prepared_parts import NO_PARTS


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A line of the report.

    `file` is the name below the path that was given, `place` counts the file's activities from 0,
    and `number` is the file's among those of the import. `is_last`: the file has no further line.
    """

    file: str
    outcome: ImportOutcome
    message: str
    activity_id: int | None = None
    place: int = 0
    number: int = 0
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class UnwrittenLine:
    """A line that is to be written.

    With the activity of `file` that it is of, or a new name; `gear` is the name of its gear, where
    that is new.
    """

    reported: ReportLine
    file: PreparedFile
    activity: PreparedActivity | None = None
    new_name: str | None = None
    gear: str | None = None

    @property
    def strava_id(self) -> int | None:
        """Strava's id of the activity that is to be written. None where no list tells it."""
        listed = self.file.listed
        return None if self.activity is None or listed is None else listed.strava_id


def without_parts(line: UnwrittenLine) -> UnwrittenLine:
    """Leave out what the database may have refused of an activity that it may else take."""
    assert line.activity is not None
    said = f"{line.reported.message}; its splits, heart rates and route could not be stored"
    reported = replace(line.reported, message=said)
    return replace(line, reported=reported, activity=replace(line.activity, parts=NO_PARTS))


def with_problem(reported: ReportLine, problem: str | None) -> ReportLine:
    """Say why the original is not kept, if `problem` tells it."""
    if problem is None or reported.activity_id is None:
        return reported
    return replace(reported, message=f"{reported.message}; its original is not kept: {problem}")


def as_changed(line: UnwrittenLine, known: Any) -> UnwrittenLine:
    """Make the line of an activity that is `known` change what the list tells otherwise."""
    name = line.file.listed.name if line.file.listed and not known.name_is_edited else None
    gear = None if known.gear_is_edited else gear_of(line.file, known.sport_type)
    new_name = None if name == known.name else name
    names = [(each or "").lower() for each in (known.gear, known.gear_at_source)]
    new_gear = None if gear is None or gear.lower() in names else gear
    said = _changes(new_name, new_gear)
    if not said:
        return line
    reported = replace(line.reported, outcome=ImportOutcome.UPDATED, message="; ".join(said))
    return replace(line, reported=reported, new_name=new_name, gear=new_gear)


def _changes(name: str | None, gear: str | None) -> list[str]:
    """Say what the list tells otherwise now."""
    named = {"name": name, "gear": gear}
    return [f"its {what} is now '{new}'" for what, new in named.items() if new is not None]


def with_gear_of(line: UnwrittenLine, gear: Collection[str]) -> UnwrittenLine:
    """Leave out gear that is not in `gear`, names in lower case: the athlete has too much."""
    if line.gear is None or line.gear.lower() in gear:
        return line
    outcome, said = line.reported.outcome, [line.reported.message]
    if line.activity is None:  # it is known
        said = _changes(line.new_name, None)
        outcome = ImportOutcome.UPDATED if said else ImportOutcome.SAME_AS
    said.append(f"its gear '{line.gear}' is left out: the athlete has as much as there may be")
    reported = replace(line.reported, outcome=outcome, message="; ".join(said))
    return replace(line, reported=reported, gear=None)


def as_deleted_here(line: UnwrittenLine) -> UnwrittenLine:
    """Make the line of an activity that the athlete deleted say so."""
    message = "its activity was deleted here: `restoreActivity` lets it be imported again"
    reported = replace(line.reported, outcome=ImportOutcome.SKIPPED, message=message)
    return replace(line, reported=reported, activity=None, gear=None)


def with_known(line: UnwrittenLine, known: dict[tuple[bytes, int], int | None]) -> UnwrittenLine:
    """Make a line of what another import has by now, or was imported and deleted before, say so."""
    if line.activity is None or line.file.digest is None:
        return line
    place = (line.file.digest, line.activity.place)
    if place not in known:
        return line
    activity_id = known[place]
    if activity_id is None:
        return as_deleted_here(line)
    same = replace(line.reported, outcome=ImportOutcome.SAME_AS, activity_id=activity_id)
    return replace(line, reported=same, activity=None, gear=None)
