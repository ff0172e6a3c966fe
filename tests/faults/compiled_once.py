"""Engines that compile each statement once for all: a test of many databases would do so for each."""

from typing import Any

from sqlalchemy import Engine, create_engine


class EnginesOfOneDialect:
    """Takes the place of SQLAlchemy's `create_engine`, in one process."""

    def __init__(self) -> None:
        self._first: Engine | None = None

    def create(self, url: Any, **options: Any) -> Engine:
        """Make an engine of the dialect and the compiled statements of the first one."""
        engine = create_engine(url, **options)
        if self._first is None:
            with engine.connect():  # the dialect learns of PostgreSQL
                self._first = engine
        # compiled statements are kept by dialect
        engine.dialect = self._first.dialect
        engine._compiled_cache = self._first._compiled_cache
        return engine
