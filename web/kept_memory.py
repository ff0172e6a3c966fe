"""How an API process divides the memory for what it keeps: KEPT_MEMORY_BYTES."""

from dataclasses import dataclass

from settings import Settings

_SQL_SHARE = 8
"""The SQL of single levels has an eighth of what cached answers leave: it repeats."""


@dataclass(frozen=True, slots=True)
class KeptMemory:
    """Bytes for documents with their plans and answers, for SQL, and for the cache's answers."""

    documents: int
    sql: int
    answers: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "KeptMemory":
        answers = min(settings.cache_memory_bytes, settings.kept_memory_bytes // 2)
        rest = settings.kept_memory_bytes - answers
        return cls(rest - rest // _SQL_SHARE, rest // _SQL_SHARE, answers)
