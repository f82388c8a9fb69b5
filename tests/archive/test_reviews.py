"""What is struck off lists, by whom, and back again; on each database."""

import asyncio
import random

import pytest
from sqlalchemy import insert

from asynctask.adapters.archive import Archive, retention, reviews
from asynctask.adapters.archive.reviews import NextState, ReviewOperation, ReviewState, StaleReview
from asynctask.adapters.archive.tables.tasks import tasks
from asynctask.core.reviews import masks

SIZE = 300_000
ENDED = {
    "task_id": "task-1", "submit_time": 1, "priority": 3, "task_status": "completed", "task_config": {}, "run": 1,
    "item_error_count": 0, "update_time": 10, "is_gone": 1, "gone_time": 10, "resource_version": 1, "search_text": "",
}  # fmt: skip


def began(review_id: str = "review-1", time: int = 1, size: int = SIZE) -> ReviewState:
    rows = masks.pack(masks.nothing(size))
    return ReviewState(review_id, "task-1", "it", "0" * 64, size, size * 10, rows, time, time)


def did(changed: bytes, caller: str = "mia", review_id: str = "review-1") -> ReviewOperation:
    number = masks.count(changed)
    return ReviewOperation(
        review_id, 0, 5, caller, "strike", {"ids": [1]}, number, number * 10, False, masks.pack(changed)
    )


def becoming(mask: bytes, time: int = 5) -> NextState:
    return NextState(masks.pack(mask), masks.count(mask), masks.count(mask) * 10, time)


async def begin(archive: Archive, state: ReviewState) -> None:
    async with archive.begin() as transaction:
        await reviews.begin(transaction, state)


async def load(archive: Archive, review_id: str = "review-1") -> ReviewState:
    async with archive.read() as connection:
        found = await reviews.load(connection, review_id)
    assert found
    return found


async def strike(archive: Archive, of_version: int, before: bytes, rows: bytes, caller: str = "mia") -> bytes:
    after = bytes(max(pair) for pair in zip(before, rows, strict=True))
    async with archive.begin() as transaction:
        await reviews.change(transaction, of_version, becoming(after), did(masks.differ(before, after), caller))
    return after


async def test_a_review_begins_once(archive: Archive) -> None:
    await begin(archive, began())
    await strike(archive, 1, masks.nothing(SIZE), masks.of(SIZE, [3]))
    await begin(archive, began())
    state = await load(archive)
    assert (state.version, state.struck, state.struck_bytes) == (2, 1, 10)
    async with archive.read() as connection:
        assert await reviews.version(connection, "review-1") == 2
        assert await reviews.load(connection, "another") is None


async def test_large_and_scattered_selections_come_back_as_they_were(archive: Archive) -> None:
    await begin(archive, began())
    rows = bytes(random.Random(5).choices((0, 1), k=SIZE))
    after = await strike(archive, 1, masks.nothing(SIZE), rows)
    assert masks.unpack((await load(archive)).struck_rows) == after == rows


async def test_of_two_changes_to_one_version_one_holds(archive: Archive) -> None:
    await begin(archive, began())
    nothing = masks.nothing(SIZE)
    results = await asyncio.gather(
        *(strike(archive, 1, nothing, masks.of(SIZE, [row]), f"user-{row}") for row in range(5)), return_exceptions=True
    )
    good = [result for result in results if isinstance(result, bytes)]
    assert len(good) == 1
    assert {type(result) for result in results} == {bytes, StaleReview}
    state = await load(archive)
    assert (state.version, masks.unpack(state.struck_rows)) == (2, good[0])
    async with archive.read() as connection:
        assert len(await reviews.operations(connection, "review-1")) == 1


async def test_undoing_goes_back_one_by_one_to_the_beginning(archive: Archive) -> None:
    await begin(archive, began())
    states = [masks.nothing(SIZE)]
    for step in range(4):
        states.append(await strike(archive, step + 1, states[-1], masks.span(SIZE, step * 7, step * 9 + 20)))
    version = 5
    for expected in reversed(states[:-1]):
        async with archive.read() as connection:
            last = await reviews.undoable(connection, "review-1")
        assert last
        assert last.changed_rows
        rows = masks.unpack((await load(archive)).struck_rows)
        before = masks.differ(rows, masks.unpack(last.changed_rows))
        async with archive.begin() as transaction:
            await reviews.undo(transaction, version, becoming(before), last)
        version += 1
        assert masks.unpack((await load(archive)).struck_rows) == expected
    async with archive.read() as connection:
        assert await reviews.undoable(connection, "review-1") is None
        log = await reviews.operations(connection, "review-1")
    assert [(entry.number, entry.is_undone) for entry in log] == [(4, True), (3, True), (2, True), (1, True)]


async def test_what_is_too_old_can_be_undone_no_more_but_is_told(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "UNDOABLE", 2)
    await begin(archive, began())
    mask = masks.nothing(SIZE)
    for row in range(4):
        mask = await strike(archive, row + 1, mask, masks.of(SIZE, [row]))
    for left in (2, 1):
        async with archive.begin() as transaction:
            last = await reviews.undoable(transaction, "review-1")
            assert last, left
            await reviews.undo(transaction, 7 - left, becoming(mask), last)
    async with archive.read() as connection:
        assert await reviews.undoable(connection, "review-1") is None
        first = await reviews.operations(connection, "review-1", limit=2)
        rest = await reviews.operations(connection, "review-1", before=first[-1].number)
    assert [entry.number for entry in (*first, *rest)] == [4, 3, 2, 1]
    assert (rest[-1].caller, rest[-1].items, rest[-1].selection) == ("mia", 1, {"ids": [1]})


async def test_only_the_newest_version_is_frozen(archive: Archive) -> None:
    await begin(archive, began())
    await strike(archive, 1, masks.nothing(SIZE), masks.of(SIZE, [1]))
    with pytest.raises(StaleReview):
        async with archive.begin() as transaction:
            await reviews.freeze(transaction, "review-1", 1, "a", "sha256:1")
    async with archive.begin() as transaction:
        await reviews.freeze(transaction, "review-1", 2, "b", "sha256:2")
    state = await load(archive)
    assert (state.frozen_version, state.frozen_artifact, state.frozen_digest) == (2, "b", "sha256:2")


async def test_a_review_goes_with_its_task(archive: Archive) -> None:
    await begin(archive, began())
    await strike(archive, 1, masks.nothing(SIZE), masks.of(SIZE, [1]))
    async with archive.begin() as transaction:
        await transaction.execute(insert(tasks).values(**ENDED))
    await retention.prune(archive, {retention.TASKS: 5})
    assert (await load(archive)).version == 2
    await retention.prune(archive, {retention.TASKS: 11})
    async with archive.read() as connection:
        assert await reviews.load(connection, "review-1") is None
        assert await reviews.operations(connection, "review-1") == []
