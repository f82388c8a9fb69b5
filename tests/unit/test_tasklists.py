"""One list out of two: filters, cursors, and pages that neither lose nor double a task."""

import base64
import uuid
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.core import tasklists
from asynctask.core.statuses import TaskStatus
from asynctask.core.tasklists import BrokenCursor, Cursor, Filter, Place

UIDS = [str(uuid.UUID(int=number << 64 | number)) for number in range(12)]
PLACES = st.sets(st.tuples(st.integers(0, 5), st.sampled_from(UIDS)), max_size=40)


@dataclass(frozen=True)
class Task:
    namespace: str
    name: str
    type: str
    status: TaskStatus
    priority: int
    queue: str
    owner: str
    submitted: int
    schedule: str
    message: str


TASK = Task(
    "tenant",
    "Backup-of-Photos",
    "file-backup",
    TaskStatus.RUNNING,
    2,
    "nas",
    "ada",
    1_000,
    "nightly",
    "Copying to the vault",
)


def itself(place: Place) -> Place:
    return place


def walk(live: set[Place], archived: set[Place], limit: int) -> list[Place]:
    """Page through, as a client does."""
    seen: list[Place] = []
    after: Place | None = None
    while True:
        page = tasklists.merged(
            tasklists.first(live, itself, limit + 1, after),
            tasklists.first(archived, itself, limit + 1, after),
            itself,
            limit + 1,
        )
        seen += page[:limit]
        if len(page) <= limit:
            return seen
        after = page[limit - 1]


@given(PLACES, PLACES, st.integers(1, 7))
def test_pages_are_the_sorted_union(live: set[Place], archived: set[Place], limit: int) -> None:
    assert walk(live, archived, limit) == sorted(live | archived, reverse=True)


@given(PLACES, st.data())
def test_what_leaves_the_cluster_between_the_two_readings_is_there_once(
    everything: set[Place], data: st.DataObject
) -> None:
    leaves = data.draw(st.sets(st.sampled_from(sorted(everything)))) if everything else set()
    live_first = tasklists.first(everything, itself, 100)
    assert tasklists.merged(live_first, sorted(leaves, reverse=True), itself, 100) == sorted(everything, reverse=True)


def test_of_a_task_in_both_the_live_one_is_shown() -> None:
    def place(row: tuple[str, Place]) -> Place:
        return row[1]

    both = (1, UIDS[0])
    assert tasklists.merged([("live", both)], [("archived", both)], place, 10) == [("live", both)]


@given(st.integers(-(2**63), 2**63 - 1), st.uuids(), st.booleans(), st.binary(max_size=40))
def test_a_cursor_comes_back_as_it_was(moment: int, uid: uuid.UUID, is_live_only: bool, digest: bytes) -> None:
    cursor = Cursor((moment, str(uid)), is_live_only)
    assert tasklists.decoded(cursor.encoded(digest), digest) == cursor


@given(st.integers(0, 42), st.integers(0, 63))
def test_a_cursor_with_another_letter_in_it_is_broken(position: int, letter: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = Cursor((1_000, UIDS[3])).encoded(b"list")
    changed = text[:position] + letters[letter] + text[position + 1 :]
    if changed == text or _bytes(changed) == _bytes(text):
        return
    with pytest.raises(BrokenCursor):
        tasklists.decoded(changed, b"list")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("text", ["", "x", "%%%", "ünï", "A" * 44, "A" * 4000, "' OR 1=1 --"])
def test_nonsense_is_no_cursor(text: str) -> None:
    with pytest.raises(BrokenCursor):
        tasklists.decoded(text, b"list")


def test_a_cursor_of_another_list_is_refused() -> None:
    text = Cursor((1_000, UIDS[3])).encoded(Filter(types=frozenset({"a"})).digest)
    with pytest.raises(BrokenCursor):
        tasklists.decoded(text, Filter(types=frozenset({"b"})).digest)


def test_a_cursor_holds_for_the_list_and_not_for_what_its_caller_may_see_of_it() -> None:
    assert Filter(namespaces=frozenset({"a"})).digest == Filter().digest


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Filter(), True),
        (Filter(namespaces=frozenset({"tenant"})), True),
        (Filter(namespaces=frozenset()), False),
        (Filter(types=frozenset({"file-backup", "other"})), True),
        (Filter(types=frozenset({"other"})), False),
        (Filter(statuses=frozenset({TaskStatus.RUNNING})), True),
        (Filter(statuses=frozenset({TaskStatus.PAUSED})), False),
        (Filter(priorities=frozenset({2})), True),
        (Filter(priorities=frozenset({1, 3})), False),
        (Filter(queues=frozenset({"default"})), False),
        (Filter(owners=frozenset({"bob"})), False),
        (Filter(schedules=frozenset({"nightly"})), True),
        (Filter(schedules=frozenset({"weekly"})), False),
        (Filter(since=1_000), True),
        (Filter(since=1_001), False),
        (Filter(until=1_001), True),
        (Filter(until=1_000), False),
        (Filter(text="of-ph"), True),
        (Filter(text="FILE-b"), True),
        (Filter(text="the vault"), True),
        (Filter(text="videos"), False),
        (Filter(hidden_types=frozenset({"file-backup"})), False),
        (Filter(hidden_types=frozenset({"file-backup"}), types=frozenset({"file-backup"})), True),
    ],
)  # fmt: skip
def test_a_filter_takes(wanted: Filter, takes: bool) -> None:
    assert wanted.takes(TASK) is takes


def test_all_parts_of_a_filter_must_hold() -> None:
    assert not Filter(types=frozenset({"file-backup"}), owners=frozenset({"bob"})).takes(TASK)
    assert Filter(types=frozenset({"file-backup"}), owners=frozenset({"bob"})).takes(replace(TASK, owner="bob"))
