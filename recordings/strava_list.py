"""Reads activities.csv, the list of activities in an export of Strava.

Its headers are in the athlete's language, and two of them stand there twice, so columns are found
by what they hold: the file names are in the column of paths below `activities/`, the gear stands
before it, and the first five are id, date, name, sport and description in every export seen. Newer
exports tell races in a column that is found by its header, in the languages known.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from io import TextIOWrapper
from itertools import chain, islice
from typing import BinaryIO

from recordings.problems import paragraphs, words
from recordings.recorded_activity import RecordedActivity
from recordings.sport_words import sport_type_of
from recordings.zip_entries import BROKEN_ENTRY

NAME = "activities.csv"
_ID, _NAME, _SPORT, _DESCRIPTION = 0, 2, 3, 4
_FIRST_OF_FILES = 5
_PATH = re.compile(r"activities/[^/]+\.(?:fit|gpx|tcx)(?:\.gz)?", re.IGNORECASE)
_DELIMITERS = ",;\t"
"""Strava's own, and those that spreadsheets write."""
_LOOKED_AT = 200
_LONGEST_ROW = 1 << 16  # characters
_LONGEST_ID, _LONGEST_NAME = 18, 500
_BROKEN = (csv.Error, *BROKEN_ENTRY)
_SPORTS = {
    "Run": "lauf|course à pied|carrera|corsa|corrida|hardloopsessie|hardlopen",
    "TrailRun": "traillauf|trail|carrera de montaña|corrida em trilha|trailrun",
    "Ride": "radfahrt|sortie à vélo|vélo|bicicleta|pedalata|ciclismo|pedalada|fietsrit",
    "Walk": "spaziergang|marche|caminata|camminata|caminhada|wandeling",
    "Hike": "wanderung|randonnée|senderismo|escursione|trilha|hike",
    "Swim": "schwimmen|natation|natación|nuoto|natação|zwemmen",
}
_RACE_HEADERS = {
    "competition", "wettkampf", "compétition", "competición", "competizione", "competição", "wedstrijd",
}  # fmt: skip
_RACES = (["1"], ["1.0"], ["true"])
_OF_LANGUAGES = {word: sport for sport, words_ in _SPORTS.items() for word in words_.split("|")}
"""German, French, Spanish, Italian, Portuguese and Dutch words of the column."""


@dataclass(frozen=True, slots=True)
class ListedActivity:
    """What the list tells of a file's activity; None where it tells nothing.

    `sport_type` is in Strava's words, None for a word of a language that is not known.
    """

    strava_id: int | None
    name: str | None
    sport_type: str | None
    description: str | None
    gear: str | None
    is_race: bool = False

    def applied_to(self, activity: RecordedActivity) -> RecordedActivity:
        """Put what the athlete wrote in place of what the file says."""
        return replace(
            activity,
            name=self.name or activity.name,
            sport_type=self.sport_type or activity.sport_type,
            description=self.description or activity.description,
            is_race=self.is_race or activity.is_race,
        )


@dataclass
class ListRoom:
    """How much more of lists is kept in memory; a list is cut where there is no more."""

    rows: int = 50_000
    characters: int = 8 << 20

    def take(self, path: str, activity: ListedActivity) -> bool:
        """Take room for a row; tells whether there was any."""
        texts = (path, activity.name, activity.description, activity.gear)
        self.rows -= 1
        self.characters -= sum(len(each or "") for each in texts)
        return self.rows >= 0 and self.characters >= 0


def read_list(source: BinaryIO, room: ListRoom | None = None) -> Mapping[str, ListedActivity]:
    """Read the list, by path below the export, in lower case. Empty where it is no such list."""
    text = TextIOWrapper(source, encoding="utf-8-sig", errors="replace", newline="")
    try:
        rows = _rows(text)
        headers = next(rows, [])  # in any language
        first = list(islice(rows, _LOOKED_AT))
        column = _column_of_files(first)
        if column is None:
            return {}
        listed = _listed(chain(first, rows), column, _column_of_races(headers))
        return _by_path(listed, room or ListRoom())
    except _BROKEN:
        return {}
    finally:
        text.detach()


def _by_path(
    listed: Iterator[tuple[str, ListedActivity]], room: ListRoom
) -> dict[str, ListedActivity]:
    """Take what can be read, up to where the list is broken."""
    found: dict[str, ListedActivity] = {}
    with suppress(*_BROKEN):
        for path, activity in listed:
            if path not in found:
                if not room.take(path, activity):
                    break
                found[path] = activity
    return found


def _rows(text: TextIOWrapper) -> Iterator[list[str]]:
    """Read the rows, each within the memory that a row may take. Raises csv.Error."""
    lines = _ListText(text)
    headers = next(lines, "")
    delimiter = max(_DELIMITERS, key=headers.count)
    for row in csv.reader(chain([headers], lines), delimiter=delimiter):
        lines.in_row = 0
        yield row


class _ListText:
    """The lines of a text; `in_row` counts the characters of the row that they are of."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self.in_row = 0

    def __iter__(self) -> "_ListText":
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LONGEST_ROW)
        self.in_row += len(line)
        if self.in_row >= _LONGEST_ROW:
            raise csv.Error("a row is too long")
        if not line:
            raise StopIteration
        return line


def _column_of_files(rows: list[list[str]]) -> int | None:
    """Find the column with the most paths of recordings."""
    found = Counter(
        place
        for row in rows
        for place, value in enumerate(row)
        if place >= _FIRST_OF_FILES and _PATH.fullmatch(value)
    )
    return found.most_common(1)[0][0] if found else None


def _column_of_races(headers: list[str]) -> int | None:
    found = (
        place for place, header in enumerate(headers) if header.strip().lower() in _RACE_HEADERS
    )
    return next(found, None)


def _listed(
    rows: Iterable[list[str]], column: int, races: int | None
) -> Iterator[tuple[str, ListedActivity]]:
    for row in rows:
        if len(row) <= column or not _PATH.fullmatch(row[column]):
            continue  # entered by hand: without a file
        yield (
            row[column].lower(),
            ListedActivity(
                strava_id=_strava_id(row[_ID]),
                name=words(row[_NAME], _LONGEST_NAME),
                sport_type=_sport_type(row[_SPORT]),
                description=paragraphs(row[_DESCRIPTION]),
                gear=words(row[column - 1], _LONGEST_NAME),
                is_race=races is not None and row[races : races + 1] in _RACES,
            ),
        )


def _strava_id(word: str) -> int | None:
    """Read an id, which fits into 64 bits."""
    is_id = word.isascii() and word.isdigit() and len(word) <= _LONGEST_ID
    return int(word) if is_id else None


def _sport_type(word: str) -> str | None:
    return sport_type_of(word) or _OF_LANGUAGES.get(word.strip().lower())
