"""Age grades."""

import strawberry

from athletics.age_grade import AgeGrade as Grade
from athletics.age_grade import AgeGradeTable, Sex
from db.models import BestEffort
from graph.row_type import column


@strawberry.type(description="How good a time is for the runner's age and sex, against a table's standards.")
class AgeGrade:
    """Read from an effort's row, or calculated (`of`)."""

    percent: float = column(BestEffort.age_grade_percent, "Age standard / time, in percent; 100 is the standard.")
    age_on_day: int = column(BestEffort.age_on_day, "Completed years on the day, at the athlete's place.")
    sex: Sex = column(BestEffort.age_grade_sex, "Whose standards were used.")
    table: AgeGradeTable = column(BestEffort.age_grade_table, "The table that was used.")
    age_factor: float = column(BestEffort.age_factor, "Open standard / age standard.")
    open_standard_seconds: float = column(BestEffort.open_standard_s, "The standard of the open class, in seconds.")
    age_standard_seconds: float = column(BestEffort.age_standard_s, "The standard of the age, in seconds.")
    age_graded_time_seconds: float = column(
        BestEffort.age_graded_time_s, "Time times age factor: what it would be in the open class, in seconds."
    )

    @classmethod
    def of(cls, grade: Grade) -> "AgeGrade":
        return cls(
            percent=grade.percent,
            age_on_day=grade.age_on_day,
            sex=grade.sex,
            table=grade.table,
            age_factor=grade.age_factor,
            open_standard_seconds=grade.open_standard_s,
            age_standard_seconds=grade.age_standard_s,
            age_graded_time_seconds=grade.age_graded_time_s,
        )
