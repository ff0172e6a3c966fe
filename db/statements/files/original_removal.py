"""Files of originals, outside of the database, that are to be deleted."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Executable,
    Float,
    Integer,
    Text,
    bindparam,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import MovedSamples, Original, OriginalRemoval
from db.statements.interval import seconds

_ORIGINAL_ID = bindparam("original", type_=BigInteger)
_PLACE = bindparam("at_place", type_=Text)
_THIS = (OriginalRemoval.original_id == _ORIGINAL_ID, OriginalRemoval.place == _PLACE)
_IS_DUE = OriginalRemoval.due_at <= func.now()
_FIRST_WAIT_S, _MOST_DOUBLINGS = 60.0, 6


@cache
def announce() -> Executable:
    """Note that the files of `originals` at `at_place` are to be deleted in `wait_s` seconds."""
    ids = func.unnest(bindparam("originals", type_=ARRAY(BigInteger))).column_valued("id")
    due_at = func.now() + seconds(bindparam("wait_s", type_=Float))
    rows = insert(OriginalRemoval).from_select(
        ["original_id", "place", "due_at"], select(ids, _PLACE, due_at)
    )
    return rows.on_conflict_do_update(
        index_elements=[OriginalRemoval.original_id, OriginalRemoval.place],
        set_={"due_at": rows.excluded.due_at},
    )


@cache
def withdraw() -> Executable:
    """Forget the removal of `original` at `at_place`; returns its id, nothing if there is none."""
    return delete(OriginalRemoval).where(*_THIS).returning(OriginalRemoval.original_id)


@cache
def due() -> Executable:
    """Select `original_id` and `place` of `most` removals that are due, oldest first."""
    return (
        select(OriginalRemoval.original_id, OriginalRemoval.place)
        .where(_IS_DUE)
        .order_by(OriginalRemoval.due_at)
        .limit(bindparam("most", type_=Integer))
    )


@cache
def take_due() -> Executable:
    """Forget the removal of `original` at `at_place`; returns nothing if it is not due any more.

    Until the commit no one can withdraw it, or announce it again. Returns `is_needed`: there is
    such an original, or there are samples in it, so the file stays.
    """
    of_original = exists().where(
        Original.id == OriginalRemoval.original_id, Original.place == OriginalRemoval.place
    )
    of_samples = exists().where(
        MovedSamples.file_id == OriginalRemoval.original_id,
        MovedSamples.place == OriginalRemoval.place,
    )
    is_needed = or_(of_original, of_samples).label("is_needed")
    return delete(OriginalRemoval).where(*_THIS, _IS_DUE).returning(is_needed)


@cache
def defer_untried() -> Executable:
    """Try the removal of `original` at `at_place`, which was not tried, in half a minute."""
    later = func.now() + seconds(literal(_FIRST_WAIT_S / 2))
    return update(OriginalRemoval).where(*_THIS, _IS_DUE).values(due_at=later)


@cache
def defer_failed() -> Executable:
    """Try the removal of `original` at `at_place` again later: in a minute first, in an hour at most."""
    doublings = func.least(OriginalRemoval.failures, _MOST_DOUBLINGS)
    wait_s = _FIRST_WAIT_S * func.power(2.0, doublings)
    return (
        update(OriginalRemoval)
        .where(*_THIS, _IS_DUE)
        .values(failures=OriginalRemoval.failures + 1, due_at=func.now() + seconds(wait_s))
    )


@cache
def state() -> Executable:
    """Select how many files await removal, and how many `failed` at least once.

    A file that is announced, and not due, does not wait.
    """
    has_failed = OriginalRemoval.failures > 0
    return select(
        func.count().label("removals"), func.count().filter(has_failed).label("failed")
    ).where(or_(_IS_DUE, has_failed))
