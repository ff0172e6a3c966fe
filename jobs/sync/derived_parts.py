"""Writes what is derived of an activity's samples beside its efforts."""

import logging
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from db.stream_codec import Samples
from jobs.sync.derived_route import write_route
from jobs.sync.derived_splits import write_heart_rates, write_splits

_OF_THE_CONNECTION = (InterfaceError, InternalError, OperationalError)
_PARTS = (write_splits, write_heart_rates, write_route)

logger = logging.getLogger(__name__)


def write_parts(connection: Connection, activity: Any, samples: Samples | None) -> Exception | None:
    """Replace splits, heart rates and route.

    Each part stands for itself. Returns why one of them could not be derived or stored, None if all
    were.
    """
    try:
        with connection.begin_nested():
            for write in _PARTS:
                write(connection, activity, samples)
    except _OF_THE_CONNECTION:
        raise
    except Exception as error:  # noqa: BLE001 - of a part of this activity only
        problem = error
    else:
        return None
    for write in _PARTS:
        try:
            with connection.begin_nested():
                write(connection, activity, samples)
        except _OF_THE_CONNECTION:
            raise
        except Exception:
            logger.exception(
                "a part of an activity could not be derived", extra={"activity_id": activity.id}
            )
    return problem
