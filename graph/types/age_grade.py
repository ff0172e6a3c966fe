"""Age grades."""

import strawberry

from athletics import age_grade as rules
from athletics.age_grade import AgeGrade as Grade
from athletics.age_grade_table import AgeGradeTable, InvalidPerformance, OutOfTable, Sex
from db.models import BestEffort
from graph.errors import InvalidArgument
from graph.mapping.row_type import column
from graph.scalars import with_rounded


@strawberry.type(description="A time compared with the standard for the runner's age and sex.")
class AgeGrade:
    """An age grade, read from an effort's row or calculated (`from_grade`)."""

    percent: float = column(
        BestEffort.age_grade_percent,
        "Age standard divided by time, in percent. 100 equals the standard.",
    )
    age_on_day: int = column(
        BestEffort.age_on_day, "Age in completed years on the athlete's local day."
    )
    sex: Sex = column(BestEffort.age_grade_sex, "Sex of the standards used.")
    table: AgeGradeTable = column(BestEffort.age_grade_table, "Table of the standards used.")
    age_factor: float = column(BestEffort.age_factor, "Open standard divided by age standard.")
    open_standard_seconds: float = column(
        BestEffort.open_standard_s, "Standard of the open class, in seconds."
    )
    age_standard_seconds: float = column(
        BestEffort.age_standard_s, "Standard for the age, in seconds."
    )
    age_graded_time_seconds: float = column(
        BestEffort.age_graded_time_s,
        "Time multiplied by the age factor: the equivalent time in the open class, in seconds.",
    )
    distance_interpolated: bool = column(
        BestEffort.distance_interpolated,
        "Whether the table does not list the distance, so that its standards are interpolated "
        "between the distances around it.",
    )

    @classmethod
    def from_grade(cls, grade: Grade) -> "AgeGrade":
        values = {
            "percent": grade.percent,
            "age_on_day": grade.age_on_day,
            "sex": grade.sex,
            "table": grade.table,
            "age_factor": grade.age_factor,
            "open_standard_seconds": grade.open_standard_s,
            "age_standard_seconds": grade.age_standard_s,
            "age_graded_time_seconds": grade.age_graded_time_s,
            "distance_interpolated": grade.distance_interpolated,
        }
        return cls(**with_rounded(values))


@strawberry.input(description="A performance to grade.")
class AgeGradeInput:
    """Input of an age grade."""

    distance_meters: float = strawberry.field(
        description="Distance in meters. The table must cover it."
    )
    elapsed_time_seconds: float = strawberry.field(
        description="Time in seconds. Must be greater than 0."
    )
    sex: Sex = strawberry.field(description="Sex of the standards to use.")
    age: int = strawberry.field(
        description="Age in completed years on the day. The table must cover it."
    )
    table: AgeGradeTable | None = strawberry.field(
        default=AgeGradeTable.ROAD_2025,
        description="Table to use. Default: ROAD_2025. Null: the one that best efforts over the "
        "distance are graded by, which is ROAD_2025 or TRACK_2023.",
    )

    def grade(self) -> AgeGrade:
        """Calculate the age grade. Raises InvalidArgument naming the field out of the table."""
        try:
            return AgeGrade.from_grade(
                rules.age_grade(
                    self.distance_meters,
                    self.elapsed_time_seconds,
                    self.sex,
                    self.age,
                    self.table or rules.default_table(self.distance_meters),
                )
            )
        except (OutOfTable, InvalidPerformance) as error:
            raise InvalidArgument(f"input.{_PUBLIC_NAMES[error.field]}", error.problem) from error


_PUBLIC_NAMES = {"distance_m": "distanceMeters", "elapsed_s": "elapsedTimeSeconds", "age": "age"}
