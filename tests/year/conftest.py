"""Settings of jobs, as the tests of jobs have them."""

from tests.jobs.conftest import settings

__all__ = ["settings"]
