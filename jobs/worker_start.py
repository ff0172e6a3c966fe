"""Begins the workers, after RQ was told where its keys are: it reads that when it is imported."""

from jobs.enqueue import place_queue
from runtime.redis_clients import blocking_redis_client
from settings import Settings


def main(settings: Settings) -> int:
    """Do as `jobs.worker.main`."""
    with blocking_redis_client(settings) as redis:
        place_queue(redis)
    from jobs.worker import main as work

    return work(settings)
