"""The parameters of the routes, in the query string and in JSON bodies."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema

from athletics.age_grade_table import AgeGradeTable
from legacy.rest.distances import DISTANCES, meters
from legacy.rest.errors import InvalidParameters, ParameterFault, faults_of
from web.errors import BadRequest
from web.protocols.parameters import read_json

M = TypeVar("M", bound="Parameters")

MAX_LIMIT = 1000
MAX_OFFSET = 100_000
_MOST_IN_ADDRESS = 50
_FIRST_YEAR, _LAST_YEAR = 1900, 9998
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)")
_SEXES = {"m": "MALE", "male": "MALE", "f": "FEMALE", "female": "FEMALE", "w": "FEMALE"}


def _moment(value: Any) -> datetime | date:
    """Parse a day or an instant, which without an offset is UTC."""
    if not isinstance(value, str):
        raise ValueError("write a day like 2026-05-17, or an instant like 2026-05-17T09:30:00Z")  # noqa: TRY004
    try:
        found = date.fromisoformat(value) if len(value) == len("2026-05-17") else _instant(value)
    except (ValueError, OverflowError):
        raise ValueError(
            "write a day like 2026-05-17, or an instant like 2026-05-17T09:30:00Z"
        ) from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"the year must be between {_FIRST_YEAR} and {_LAST_YEAR}")
    return found


def _instant(value: str) -> datetime:
    # In a query string "+" means a blank, which many callers forget.
    found = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _seconds(value: Any) -> float:
    """Parse seconds, or a time like 42:10 or 1:42:10."""
    clock = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if clock:
        value = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    return _positive(value, "write seconds, or a time like 42:10 or 1:42:10")


def _meters(value: Any) -> float:
    known = meters(value) if isinstance(value, str) else None
    return (
        known
        if known is not None
        else _positive(value, f"write meters, or one of {', '.join(DISTANCES.values())}")
    )


def _positive(value: Any, remedy: str) -> float:
    try:
        number = (
            float(value)
            if isinstance(value, str | int | float) and not isinstance(value, bool)
            else None
        )
    except (ValueError, OverflowError):
        number = None
    if number is None or not isfinite(number):
        raise ValueError(remedy)
    if number <= 0:
        raise ValueError(f"it must be more than 0: {remedy}")
    return number


def _sex(value: Any) -> str:
    found = _SEXES.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write M or F")
    return found


def _words(value: Any) -> Any:
    return [each for each in value.split(",") if each.strip()] if isinstance(value, str) else value


def _line(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _small_letters(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _capitals(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Moment = Annotated[
    datetime | date,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}),
]
Day = Annotated[date, Field(ge=date(_FIRST_YEAR, 1, 1), le=date(_LAST_YEAR, 12, 31))]
Seconds = Annotated[
    float, BeforeValidator(_seconds), WithJsonSchema({"type": "string", "examples": ["1:42:10"]})
]
Meters = Annotated[
    float, BeforeValidator(_meters), WithJsonSchema({"type": "string", "examples": ["5k", "10000"]})
]
Sex = Annotated[str, BeforeValidator(_sex), WithJsonSchema({"type": "string", "enum": ["M", "F"]})]
Id = Annotated[str, Field(max_length=100, coerce_numbers_to_str=True)]
Words = Annotated[
    list[Annotated[str, Field(max_length=100)]], BeforeValidator(_words), Field(max_length=50)
]


class Parameters(BaseModel):
    """The parameters of a route. Unknown ones are ignored, as in FastAPI.

    Names of models for JSON bodies appear in the OpenAPI document: SyncWanted and Feedback.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {}
    """Our names by other names that callers use, which are in small letters."""
    LISTS: ClassVar[frozenset[str]] = frozenset()
    """Parameters that may be given several times."""

    @classmethod
    def names(cls, given: Mapping[str, Any]) -> dict[str, str]:
        """Map each given parameter to the name that the caller used."""
        found = {name: name for name in given if name in cls.model_fields}
        for name in given:
            if (known := cls.ALIASES.get(name.lower())) is not None:
                found.setdefault(known, name)
        return found

    @classmethod
    def values(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Pick the parameters from all given values."""
        return {parameter: given[name] for parameter, name in cls.names(given).items()}


class PageParameters(Parameters):
    """The part of a list."""

    ALIASES = {"per_page": "limit", "page_size": "limit", "skip": "offset"}

    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="The most entries to return.")
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="The number of entries to skip.")
    page: int | None = Field(
        None,
        ge=1,
        le=MAX_OFFSET,
        description="Instead of `offset`: the page of size `limit`, from 1.",
    )

    @property
    def start(self) -> int:
        """The number of entries to skip. Raises InvalidParameters."""
        start = self.offset if self.page is None else (self.page - 1) * self.limit
        if start > MAX_OFFSET:
            remedy = (
                f"it skips more than {MAX_OFFSET} entries; "
                "use `since` and `until`, or GraphQL's cursors"
            )
            raise InvalidParameters([ParameterFault("query", "page", remedy, "less_than_equal")])
        return start

    def of_at_most(self, limit: int) -> Self:
        """Reduce the page to at most `limit` entries. Raises InvalidParameters."""
        changes = {"limit": min(self.limit, limit), "offset": self.start, "page": None}
        return self.model_copy(update=changes)


class ActivityPageParameters(PageParameters):
    """The page and filter of an athlete's activities."""

    ALIASES = {
        **PageParameters.ALIASES,
        "start_date": "since",
        "date_from": "since",
        "after": "since",
        "end_date": "until",
        "date_to": "until",
        "before": "until",
        "sport_type": "sport",
        "type": "sport",
        "min_distance": "min_distance_m",
        "max_distance": "max_distance_m",
    }
    LISTS = frozenset({"sport"})

    since: Moment | None = Field(None, description="From this day (UTC) or instant on.")
    until: Moment | None = Field(
        None, description="Up to and including this day (UTC), or before this instant."
    )
    sport: Words | None = Field(
        None, description="Only these sports, such as run or Run, separated by commas."
    )
    min_distance_m: float | None = Field(
        None, ge=0, le=10_000_000, allow_inf_nan=False, description="In meters."
    )
    max_distance_m: float | None = Field(
        None, ge=0, le=10_000_000, allow_inf_nan=False, description="In meters."
    )


class ActivitiesPageParameters(ActivityPageParameters):
    """The page and filter of all visible activities."""

    athlete_id: Id | None = Field(None, description="Only this athlete's activities.")


class PerformanceParameters(Parameters):
    """The input of an age grade."""

    ALIASES = {
        "distance_m": "distance",
        "distance_meters": "distance",
        "time_s": "time",
        "time_seconds": "time",
        "duration_s": "time",
        "elapsed_s": "time",
        "birthdate": "birth_date",
        "date_of_birth": "birth_date",
        "activity_date": "date",
        "gender": "sex",
    }

    distance: Meters = Field(description="In meters, or as 5k, mile, half_marathon.")
    time: Seconds = Field(description="In seconds, or as 42:10 or 1:42:10.")
    sex: Sex = Field(description="M or F.")
    age: int | None = Field(
        None, ge=0, le=150, description="Completed years on the day; or give `birth_date`."
    )
    birth_date: Day | None = Field(None, description="Instead of `age`.")
    date: Day | None = Field(None, description="The day, with `birth_date`; today by default.")
    table: Annotated[AgeGradeTable, BeforeValidator(_capitals)] | None = Field(
        None,
        description="By default the newest road table, and below one mile the track table.",
    )


class SyncWanted(Parameters):
    """What to sync, in the query string or as JSON, which wins if both are given."""

    athlete_id: Id | None = Field(None, description="The athlete; by default the caller.")
    mode: Annotated[Literal["incremental", "full"], BeforeValidator(_small_letters)] = Field(
        "incremental", description="New activities only, or all again."
    )
    since: Day | None = Field(None, description="Only activities from this day (UTC) on.")
    until: Day | None = Field(
        None, description="Only activities up to and including this day (UTC)."
    )


class Feedback(Parameters):
    """A message to the operator."""

    ALIASES = {
        "text": "message",
        "feedback": "message",
        "comment": "message",
        "notes": "message",
        "email": "contact",
    }

    message: str = Field(
        min_length=1,
        max_length=5000,
        description="The message. Other values, such as `activity_id` and `perceived_effort`, are "
        "added as lines, and may be sent without a message.",
    )
    contact: str | None = Field(None, max_length=200, description="How to reach you.")

    @classmethod
    def values(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        found, known = super().values(given), {*cls.names(given).values()}
        lines = [
            f"{name}: {_line(value)}"
            for name, value in given.items()
            if name not in known and value != ""
        ]
        said = found.get("message", "")
        if lines and isinstance(said, str):
            found["message"] = "\n".join([said.strip(), *lines]).strip()
        return found


def read(
    model: type[M], in_address: Mapping[str, Any], in_body: Mapping[str, Any], missing: str
) -> M:
    """Validate parameters; the body wins over the query string. Raises InvalidParameters.

    `missing` is the place to report for a missing parameter: query or body.
    """
    given = {**in_address, **in_body}
    try:
        return model.model_validate(model.values(given))
    except ValidationError as error:
        names = model.names(given)

        def where(parameter: str) -> str:
            name = names.get(parameter)
            return missing if name is None else "body" if name in in_body else "query"

        raise InvalidParameters(faults_of(error, where)) from None


def from_query_string(query_string: bytes, model: type[Parameters]) -> dict[str, str]:
    """Parse a query string; an empty parameter counts as absent. Raises BadRequest."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), errors="strict", max_num_fields=_MOST_IN_ADDRESS
        )
    except ValueError:  # UnicodeError is one
        raise BadRequest(
            f"The URL has more than {_MOST_IN_ADDRESS} parameters, or they are not UTF-8."
        ) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        is_list = model.ALIASES.get(name, name) in model.LISTS
        found[name] = f"{found[name]},{value}" if is_list and name in found else value
    return found


def from_body(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; an empty body or null gives {}. Raises InvalidParameters, BadRequest."""
    if not body.strip():
        return {}
    try:
        found = read_json(body)
    except orjson.JSONDecodeError as error:
        raise InvalidParameters(
            [ParameterFault("body", "", f"it is not JSON in UTF-8: {error}", "json_invalid")]
        ) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidParameters(
            [ParameterFault("body", "", "it must be a JSON object", "model_attributes_type")]
        )
    return found


def first_instant(moment: datetime | date | None) -> str | None:
    """Write the instant at which a day or instant begins."""
    return (
        None
        if moment is None
        else _written(moment if isinstance(moment, datetime) else _midnight(moment))
    )


def last_instant(moment: datetime | date | None) -> str | None:
    """Write the instant at which a range up to a moment ends; a day is included."""
    if moment is None or isinstance(moment, datetime):
        return first_instant(moment)
    return _written(_midnight(moment) + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _written(instant: datetime) -> str:
    return instant.isoformat()
