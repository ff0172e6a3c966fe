"""Streams of activities: their stored bytes are read here, not by PostgreSQL.

Plans do it in `graph/plan/streams_json.py`, resolvers in `streams_field`; both choose the points by
`chosen_samples`.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil
from time import thread_time
from typing import Any

from sqlalchemy import literal_column
from strawberry.types import Info
from strawberry.types.base import get_object_definition

from db.chart_samples import ChosenSamples, StoredStreams, StreamsRequest
from db.moved_samples import SamplesFile
from db.shown_samples import read_ranges
from db.statements.activities.moved_samples import FILE
from db.statements.activities.stream import chart
from db.statements.page import AnySelect, Columns
from db.statements.visibility import Audience, Expression
from db.stream_codec import CorruptStreams
from graph.cost.directives import Cost, ListSize
from graph.cost.prices import SAMPLES_PER_POINT
from graph.mapping.relation import Arguments, Lookup, with_signature_of
from graph.mapping.row_type import RowType, field, make, source_of

ROW_LABELS = ("sample_count", "shown", "samples", "marks")
POSITIONS = "positions"
"""The label of what tells where an athlete was; read only for the columns that need it."""
_LONGEST_INLINE = 16 * 1024
"""Bytes of samples that are read on the event loop, in a millisecond or two."""
SAMPLE_COUNT, GAPS = "sample_count", "gaps"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class StreamMember:
    """A field of streams: a column of `db.stream_codec.Samples`, SAMPLE_COUNT or GAPS."""

    name: str


@dataclass(frozen=True, eq=False)
class StreamsLookup(Lookup):
    """The streams of an activity. Its arguments are those of a StreamsRequest."""

    build: Callable[[Columns, Any, Audience, Expression | None], AnySelect]


class StreamsRowType(RowType):
    """Rows as they are stored, and the objects made of them."""

    @cached_property
    def members(self) -> dict[str, str]:
        """Names of members by the fields' Python names."""
        fields = get_object_definition(self.cls, strict=True).fields
        return {each.python_name: source_of(each).name for each in fields}

    @lru_cache(maxsize=8)  # noqa: B019 - it lives as long as the process
    def selection(self, audience: Audience) -> Columns:  # noqa: ARG002 - the same for all
        return {label: literal_column(label) for label in (*ROW_LABELS, POSITIONS, *FILE)}

    def hydrate(self, row: Mapping[str, Any]) -> StoredStreams:
        packed = (row["samples"], row["marks"], row[POSITIONS])
        file = SamplesFile.from_values(*(row[label] for label in FILE))
        return StoredStreams(
            row["sample_count"], *packed, shown=read_ranges(row["shown"]), file=file
        )

    def object_of(self, chosen: ChosenSamples) -> Any:
        """Make the object of chosen samples."""
        values = {each: member_of(chosen, name) for each, name in self.members.items()}
        return make(self.cls, values)


def column_names(names: Collection[str]) -> tuple[str, ...]:
    """Pick the members that are columns of samples."""
    return tuple(name for name in names if name not in {SAMPLE_COUNT, GAPS})


def member_of(chosen: ChosenSamples, name: str) -> Any:
    """Get a member's value."""
    if name == SAMPLE_COUNT:
        return chosen.sample_count
    return chosen.gaps if name == GAPS else chosen.columns[name]


def chosen_samples(
    stored: StoredStreams, request: StreamsRequest, names: Collection[str]
) -> ChosenSamples | None:
    """Choose the points for a request. None: what is stored is damaged; the next sync mends it."""
    try:
        return stored.choose(request, names)
    except CorruptStreams as error:
        logger.warning("stored streams cannot be read: %s", error)
        return None


def points_beside(chosen: ChosenSamples) -> int:
    """Count what an answer costs in addition to its object."""
    return max(0, ceil(chosen.points / SAMPLES_PER_POINT) - 1)


def build_chart(
    columns: Columns, shape: Any, audience: Audience, of: Expression | None
) -> AnySelect:
    """Build the statement of a StreamsLookup. `shape` tells whether a range is asked for."""
    return chart(tuple(columns), audience, has_range=shape, of=of)


def streams_arguments(request: StreamsRequest) -> Arguments:
    """Make a StreamsLookup's arguments."""
    asked = {
        "max_points": request.max_points,
        "from_s": request.from_s,
        "until_s": request.until_s,
    }
    return Arguments(request.is_range, tuple(asked.items()))


def streams_request(arguments: Arguments) -> StreamsRequest:
    """Read a StreamsLookup's arguments."""
    return StreamsRequest(**arguments.parameters)


async def _fetched(info: Info, stored: StoredStreams) -> StoredStreams | None:
    """Fetch samples from their file; None: it is damaged. Raises SamplesUnavailable."""
    try:
        return stored.filled(await info.context.originals.samples(stored.file))
    except CorruptStreams as error:
        logger.warning("stored streams cannot be read: %s", error)
        return None


async def _chosen_beside(
    info: Info, stored: StoredStreams, request: StreamsRequest, names: Collection[str]
) -> ChosenSamples | None:
    """Choose the points, in a thread where there are many samples.

    What it takes is charged and bounded as time in the database is. Raises StatementTimeout.
    """
    meter = info.context.database_work

    def choose() -> tuple[ChosenSamples | None, float]:
        info.context.database.check_work(meter)
        began_s = thread_time()
        chosen = chosen_samples(stored, request, names)
        return chosen, 1000 * (thread_time() - began_s)

    is_long = len(stored.samples) > _LONGEST_INLINE
    chosen, took_ms = await asyncio.to_thread(choose) if is_long else choose()
    meter.add(took_ms)
    return chosen


def streams_field(
    relation: StreamsLookup, description: str, returns: Any, *, list_size: ListSize, cost: Cost
) -> Callable[[Callable[..., Arguments]], Any]:
    """Declare a field of streams by the function that reads its arguments."""

    def decorate(read_arguments: Callable[..., Arguments]) -> Any:
        async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
            asked = read_arguments(**arguments)
            key = getattr(root, relation.key_label)
            stored = await info.context.loaders.lookup(relation, asked, key)
            row_type = relation.row_type
            assert isinstance(row_type, StreamsRowType)
            names = column_names(row_type.members.values())
            if stored is not None and stored.is_elsewhere:
                stored = await _fetched(info, stored)
            chosen = stored and await _chosen_beside(info, stored, streams_request(asked), names)
            if chosen is None:
                return None
            info.context.points += points_beside(chosen)
            return row_type.object_of(chosen)

        return field(
            relation,
            description,
            list_size=list_size,
            cost=cost,
            read_arguments=read_arguments,
            resolver=with_signature_of(read_arguments, resolve, returns),
        )

    return decorate
