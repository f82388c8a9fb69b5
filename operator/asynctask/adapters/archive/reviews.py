"""Reviews of lists: what is struck off, the operations that came to it, and their undoing.

A review changes from one version to the next in one statement that names the version it was worked out from. Of two
people who change it at once one is told, and nothing of either is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.tables.reviews import review_operations, reviews
from asynctask.adapters.archive.upserts import insert_new

UNDOABLE = 100
"""Operations that can be undone; of older ones only the line in the log is kept."""


class StaleReview(Exception):
    """Somebody else changed the review meanwhile."""


@dataclass(frozen=True)
class ReviewState:
    """One review as it is kept."""

    review_id: str
    """The Stage's uid."""
    task_id: str
    namespace: str
    list_digest: str
    items: int
    total_bytes: int
    struck_rows: bytes
    """A packed mask."""
    create_time: int
    update_time: int
    version: int = 1
    struck: int = 0
    struck_bytes: int = 0
    frozen_version: int | None = None
    frozen_digest: str = ""
    frozen_artifact: str = ""


@dataclass(frozen=True)
class ReviewOperation:
    """Something that a person did to a list."""

    review_id: str
    number: int
    """From 1, in order."""
    time: int
    caller: str
    action: str
    selection: Any
    items: int
    """That it changed."""
    item_bytes: int
    is_undone: bool = False
    changed_rows: bytes | None = None
    """A packed mask; None: too old to be undone."""
    undone_under: str = ""
    """The name of the change that undid it."""


@dataclass(frozen=True)
class NextState:
    """What a review becomes."""

    struck_rows: bytes
    struck: int
    struck_bytes: int
    update_time: int


async def begin(transaction: Transaction, state: ReviewState) -> None:
    """Write a review down that nothing has been struck off; the one that is there already stays."""
    await insert_new(transaction, reviews, [state.__dict__])


async def load(connection: Transaction, review_id: str) -> ReviewState | None:
    """A review with its rows; None when nobody has looked at it yet."""
    row = (await connection.execute(select(reviews).where(reviews.c.review_id == review_id))).one_or_none()
    return None if row is None else ReviewState(**row._mapping)


async def version(connection: Transaction, review_id: str) -> int | None:
    """A review's version, without its rows."""
    query = select(reviews.c.version).where(reviews.c.review_id == review_id)
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def change(
    transaction: Transaction, of_version: int, to: NextState, operation: ReviewOperation
) -> ReviewOperation:
    """Make the next version, and note what was done; gives the operation with its number. Raises StaleReview."""
    await _step(transaction, operation.review_id, of_version, to)
    of = review_operations.c
    last = select(func.max(of.number)).where(of.review_id == operation.review_id)
    number = ((await transaction.execute(last)).scalar_one_or_none() or 0) + 1
    values = {**operation.__dict__, "number": number, "is_undone": 0}
    await transaction.execute(insert(review_operations).values(values))
    old = (of.review_id == operation.review_id) & (of.number == number - UNDOABLE)
    await transaction.execute(update(review_operations).where(old).values(changed_rows=None))
    return ReviewOperation(**{**values, "is_undone": False})


async def undoable(connection: Transaction, review_id: str) -> ReviewOperation | None:
    """The newest operation that was not undone; None when there is none, or it is too old."""
    of = review_operations.c
    query = (
        select(review_operations)
        .where(of.review_id == review_id, of.is_undone == 0)
        .order_by(of.number.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    found = None if row is None else _operation(row._mapping)
    return found if found and found.changed_rows is not None else None


async def undone(connection: Transaction, review_id: str, under: str) -> ReviewOperation | None:
    """The operation that a change of this name undid; None when it has undone none yet."""
    of = review_operations.c
    query = select(review_operations).where(of.review_id == review_id, of.undone_under == under)
    row = (await connection.execute(query.limit(1))).first() if under else None
    return _operation(row._mapping) if row else None


async def undo(
    transaction: Transaction, of_version: int, to: NextState, operation: ReviewOperation, under: str = ""
) -> None:
    """Make the version without an operation. Raises StaleReview."""
    await _step(transaction, operation.review_id, of_version, to)
    of = review_operations.c
    done = (of.review_id == operation.review_id) & (of.number == operation.number)
    await transaction.execute(
        update(review_operations).where(done).values(is_undone=1, changed_rows=None, undone_under=under)
    )


async def freeze(transaction: Transaction, review_id: str, of_version: int, artifact: str, digest: str) -> None:
    """Note the list that a version came to. Raises StaleReview when it is the newest no more."""
    same = (reviews.c.review_id == review_id) & (reviews.c.version == of_version)
    values = {"frozen_version": of_version, "frozen_artifact": artifact, "frozen_digest": digest}
    if (await transaction.execute(update(reviews).where(same).values(values))).rowcount != 1:
        raise StaleReview(review_id)


async def operations(
    connection: Transaction, review_id: str, *, limit: int = 50, before: int | None = None
) -> Sequence[ReviewOperation]:
    """What was done to a list, the newest first, without the rows."""
    of = review_operations.c
    query = select(*(column for column in of if column is not of.changed_rows)).where(of.review_id == review_id)
    if before is not None:
        query = query.where(of.number < before)
    found = await connection.execute(query.order_by(of.number.desc()).limit(limit))
    return [_operation(row._mapping) for row in found]


async def _step(transaction: Transaction, review_id: str, of_version: int, to: NextState) -> None:
    same = (reviews.c.review_id == review_id) & (reviews.c.version == of_version)
    result = await transaction.execute(update(reviews).where(same).values(**to.__dict__, version=of_version + 1))
    if result.rowcount != 1:
        raise StaleReview(review_id)


def _operation(row: Any) -> ReviewOperation:
    return ReviewOperation(**{**row, "is_undone": bool(row["is_undone"])})
