"""Times that efforts promise over other distances."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import BigInteger, Double, Text, literal_column

from athletics.distance import StandardDistance
from athletics.race_prediction import PredictionMethod
from db import models as m
from db.statements.pace import per_mile
from db.statements.page import AnySelect, Columns, of_rows
from db.statements.performance.distance import label
from db.statements.performance.race_prediction import predictions
from db.statements.visibility import Audience, Expression
from graph.mapping.relation import Arguments, Lookup, lookup, rows_by
from graph.mapping.row_type import ROW_TYPES, RowType, column
from graph.types.effort_period import PeriodFrom, PeriodUntil, read_period

if TYPE_CHECKING:
    from graph.types.best_effort import BestEffort

_DISTANCE: Any = literal_column("distance", Text)
_SECONDS, _METERS = literal_column("seconds", Double), literal_column("meters", Double)
_PACE = _SECONDS * 1000 / _METERS


@strawberry.type(
    description="The time that an effort promises over a distance, for a runner who is trained for "
    "both. Over the distance of the effort itself: its time."
)
class RacePrediction:
    """A row of `predictions`."""

    distance: StandardDistance = column(_DISTANCE, "Standard distance.")
    distance_label: str = column(
        label(_DISTANCE), "The distance for people, in English: 5 km, Half marathon."
    )
    distance_meters: float = column(_METERS, "Exact distance in meters.")
    method: PredictionMethod = column(
        literal_column("method", Text), "How it was computed from the effort."
    )
    elapsed_time_seconds: float = column(_SECONDS, "Predicted time in seconds.")
    pace_seconds_per_kilometer: float = column(
        _PACE, "Predicted time divided by distance, in seconds per kilometer."
    )
    pace_seconds_per_mile: float = column(
        per_mile(_PACE), "Predicted time divided by distance, in seconds per mile."
    )
    best_effort: Annotated["BestEffort", strawberry.lazy("graph.types.best_effort")] = lookup(
        Lookup(
            "BestEffort",
            literal_column("effort_id", BigInteger),
            rows_by(m.BestEffort, m.BestEffort.id),
        ),
        "The effort that it rests on: of the fastest over each distance, the one that "
        "promises most.",
    )


ROW_TYPES["RacePrediction"] = RowType(RacePrediction, m.BestEffort)


def _build(columns: Columns, shape: Any, audience: Audience, of: Expression | None) -> AnySelect:
    method, has_distances, period = shape
    return of_rows(
        columns, predictions(method, audience, period, has_distances=has_distances, of=of)
    )


PREDICTIONS_OF_ATHLETE = Lookup("RacePrediction", m.Athlete.id, _build, many=True)


def read_predictions(
    method: Annotated[
        PredictionMethod, strawberry.argument(description="How to predict. Default: RIEGEL.")
    ] = PredictionMethod.RIEGEL,
    distances: Annotated[
        list[StandardDistance] | None,
        strawberry.argument(description="Distances to include. Default: all."),
    ] = None,
    from_: PeriodFrom = None,
    until: PeriodUntil = None,
) -> Arguments:
    """Read the arguments of race predictions."""
    period = read_period(from_, until)
    wanted = () if distances is None else (("distances", tuple(dict.fromkeys(distances))),)
    return Arguments((method, distances is not None, period.shape), (*period.values, *wanted))
