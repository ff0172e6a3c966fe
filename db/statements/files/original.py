"""The files that recordings were read from, as they came."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    LargeBinary,
    Text,
    and_,
    any_,
    bindparam,
    delete,
    func,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from db.models import ImportedFile, MovedSamples, Original, OriginalRoom
from db.statements.athletes import account

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
LINK_ADDRESS = bindparam("original_address", type_=Text)
LINK_KEY = bindparam("original_key", type_=LargeBinary)
"""How addresses begin, and the key of their rest (`web/auth/windowed_links.py`)."""
_ORIGINAL_ID = bindparam("original", type_=BigInteger)
_MOST_TOLD = 100


def download_url() -> ColumnElement[str]:
    """The address of an original, which ends."""
    number = func.int8send(Original.id, type_=LargeBinary)
    mac = func.sha256(LINK_KEY.op("||")(number), type_=LargeBinary)
    rest = func.encode(number.op("||")(func.substr(mac, 1, 16)), "hex")
    return func.concat(LINK_ADDRESS, rest, type_=Text)


@cache
def kept() -> Executable:
    """Select the digests of `athlete`'s originals among `digests`."""
    digests = bindparam("digests", type_=ARRAY(LargeBinary))
    return select(Original.digest).where(
        Original.athlete_id == _ATHLETE_ID, Original.digest == any_(digests)
    )


@cache
def room_taken() -> Executable:
    """Select the bytes that `athlete`'s originals take, compressed; no row where there were none."""
    return select(OriginalRoom.bytes).where(OriginalRoom.athlete_id == _ATHLETE_ID)


@cache
def keep() -> Executable:
    """Write an original; the parameters are named like the columns, `original` is its id."""
    values = {
        "id": bindparam("original", type_=BigInteger),
        "athlete_id": _ATHLETE_ID,
        "digest": bindparam("digest", type_=LargeBinary),
        "file_name": bindparam("file_name", type_=Text),
        "size_bytes": bindparam("size_bytes", type_=BigInteger),
        "packed_bytes": bindparam("packed_bytes", type_=BigInteger),
        "place": bindparam("place", type_=Text),
        "content": bindparam("content", type_=LargeBinary),
        "listed": bindparam("listed", type_=JSONB(none_as_null=True)),
        "rules_version": bindparam("rules_version", type_=Integer),
    }
    return insert(Original).values(values)


@cache
def find() -> Executable:
    """Select the original `original`: what it is, and its `content` where that is in the database."""
    return select(
        Original.id,
        Original.place,
        Original.file_name,
        Original.digest,
        Original.size_bytes,
        Original.content,
        Original.listed,
    ).where(Original.id == _ORIGINAL_ID)


@cache
def describe() -> Executable:
    """Select what the original `original` is, and its athlete's `account_id`; not its content."""
    return select(
        Original.id,
        Original.athlete_id,
        account.id_of(Original.athlete_id),
        Original.file_name,
        Original.digest,
        Original.size_bytes,
        Original.packed_bytes,
    ).where(Original.id == _ORIGINAL_ID)


@cache
def content() -> Executable:
    """Select the `content` of the original `original`; null where its `place` is another."""
    return select(Original.id, Original.place, Original.content).where(Original.id == _ORIGINAL_ID)


@cache
def places() -> Executable:
    """Select each `place` that has originals, or samples (`MovedSamples`)."""
    return union(select(Original.place), select(MovedSamples.place))


@cache
def owner_and_place() -> Executable:
    """Select the `athlete_id` and `place` of the original `original`."""
    return select(Original.athlete_id, Original.place).where(Original.id == _ORIGINAL_ID)


@cache
def activities_of() -> Executable:
    """Select the ids of at most 100 activities that were read from the original `original`."""
    of_file = and_(
        ImportedFile.athlete_id == Original.athlete_id, ImportedFile.digest == Original.digest
    )
    return (
        select(ImportedFile.activity_id)
        .join(Original, of_file)
        .where(Original.id == _ORIGINAL_ID, ImportedFile.activity_id.is_not(None))
        .order_by(ImportedFile.place)
        .limit(_MOST_TOLD)
    )


@cache
def remove() -> Executable:
    """Delete the original `original`; returns its `place`. A trigger notes its file for removal."""
    return delete(Original).where(Original.id == _ORIGINAL_ID).returning(Original.place)


@cache
def at(*, with_samples: bool = True) -> Executable:
    """Select the ids of all originals at `at_place`, and the numbers of files of samples there.

    Databases before migration 0058 have no such samples: `with_samples` is false.
    """
    place = bindparam("at_place", type_=Text)
    originals = select(Original.id).where(Original.place == place)
    samples = select(MovedSamples.file_id).where(MovedSamples.place == place)
    return union_all(originals, samples) if with_samples else originals


def existing() -> Executable:
    """Select those of the numbers `originals` that are originals or files of samples."""
    ids = bindparam("originals", type_=ARRAY(BigInteger))
    return union_all(
        select(Original.id).where(Original.id == any_(ids)),
        select(MovedSamples.file_id).where(MovedSamples.file_id == any_(ids)),
    )


@cache
def elsewhere() -> Executable:
    """Select the ids of at most `most` originals after `after_id` that are not at `place`.

    They are those of `athlete`, of all athletes if it is null.
    """
    return (
        select(Original.id)
        .where(
            Original.id > bindparam("after_id", type_=BigInteger),
            Original.place != bindparam("place", type_=Text),
            or_(_ATHLETE_ID.is_(None), Original.athlete_id == _ATHLETE_ID),
        )
        .order_by(Original.id)
        .limit(bindparam("most", type_=Integer))
    )


@cache
def move() -> Executable:
    """Note that the original `original`, which is at `old_place`, is at `new_place` now.

    Returns its id, nothing if it is not at `old_place` any more. `new_content` is null outside of
    the database.
    """
    return (
        update(Original)
        .where(Original.id == _ORIGINAL_ID, Original.place == bindparam("old_place", type_=Text))
        .values(
            place=bindparam("new_place", type_=Text),
            content=bindparam("new_content", type_=LargeBinary),
        )
        .returning(Original.id)
    )
