"""Which members of the schema clients use."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Executable,
    Integer,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import SchemaUse

_IDENTITY = (
    SchemaUse.coordinate,
    SchemaUse.client_name,
    SchemaUse.client_version,
    SchemaUse.day,
)
_TODAY = cast(func.timezone("UTC", func.now()), Date)
_DAYS_AGO = _TODAY - bindparam("days", type_=Integer)


def add() -> Executable:
    """Add counts of today (UTC).

    Parameters: `coordinates`, `client_names`, `client_versions`, `counts`, of equal length and
    without repetitions.
    """
    rows = (
        func.unnest(
            bindparam("coordinates", type_=ARRAY(Text)),
            bindparam("client_names", type_=ARRAY(Text)),
            bindparam("client_versions", type_=ARRAY(Text)),
            bindparam("counts", type_=ARRAY(BigInteger)),
        )
        .table_valued(
            column("coordinate", Text),
            column("client_name", Text),
            column("client_version", Text),
            column("operations", BigInteger),
            name="added",
        )
        .render_derived()
    )
    # in one order, so that two processes do not wait for each other
    source = select(
        rows.c.coordinate, rows.c.client_name, rows.c.client_version, _TODAY, rows.c.operations
    ).order_by(rows.c.coordinate, rows.c.client_name, rows.c.client_version)
    adding = insert(SchemaUse).from_select([*_IDENTITY, SchemaUse.operations], source)
    return adding.on_conflict_do_update(
        index_elements=_IDENTITY,
        set_={"operations": SchemaUse.operations + adding.excluded.operations},
    )


def of_days() -> Executable:
    """Select the uses of the last `days` days, today included, those of most operations first.

    `coordinate`, `client_name`, `client_version`, `operations`, and `last_day`.
    """
    of_client = (SchemaUse.coordinate, SchemaUse.client_name, SchemaUse.client_version)
    operations = func.sum(SchemaUse.operations).cast(BigInteger).label("operations")
    return (
        select(*of_client, operations, func.max(SchemaUse.day).label("last_day"))
        .where(SchemaUse.day > _DAYS_AGO)
        .group_by(*of_client)
        .order_by(operations.desc(), *of_client)
    )


def delete_old() -> Executable:
    """Delete at most `most` counts that are older than `days` days."""
    old = (
        select(*_IDENTITY)
        .where(SchemaUse.day <= _DAYS_AGO)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return delete(SchemaUse).where(tuple_(*_IDENTITY).in_(old))
