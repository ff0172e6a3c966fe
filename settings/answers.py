"""How queries are executed, and which answers are kept."""

from typing import Literal

from pydantic import Field

from settings.part import SettingsPart


class AnswerSettings(SettingsPart):
    # --- query execution
    planned_execution: Literal["on", "off"] = Field(
        "on",
        description="off: run every query with graphql-core, in case query plans are at fault.",
    )

    # --- cache
    cache: Literal["on", "off"] = Field("on", description="off: cache nothing.")
    cache_athletes_s: float = Field(
        600, ge=0, description="Seconds to cache athletes. 0: not at all."
    )
    cache_age_grades_s: float = Field(
        300, ge=0, description="Seconds to cache age grades. 0: not at all."
    )
    cache_activities_s: float = Field(
        60, ge=0, description="Seconds to cache lists of activities. 0: not at all."
    )
    cache_personal_bests_s: float = Field(
        300,
        ge=0,
        description="Seconds to cache personal bests and best efforts. 0: not at all.",
    )
    cache_memory_bytes: int = Field(
        8 * 1024 * 1024,
        ge=0,
        description="Bytes of cached answers each process keeps in memory, in addition to Redis. "
        "At most half of KEPT_MEMORY_BYTES.",
    )
    kept_memory_bytes: int = Field(
        24 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of all that an API process keeps to answer sooner: parsed documents, "
        "plans, SQL, answers about the schema and cached answers.",
    )
    memory_given_back_s: float = Field(
        60,
        ge=0,
        le=86_400,
        description="Seconds after which freed memory that the C library keeps is given back to "
        "the system, if it is 2 MiB or more (glibc). 0: never.",
    )
