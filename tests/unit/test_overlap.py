"""Who stands in the way of whom: prefixes of paths, readers and writers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.waiting import reads, writes

from asynctask.core.overlap import Location, Locks, locate, overlap


def in_the_way(held: list[Location], wanted: list[Location]) -> list[object]:
    locks = Locks()
    for index, location in enumerate(held):
        locks.hold(index, [location])
    return sorted({owner for owner, _ in locks.conflicts(wanted)}, key=str)


@pytest.mark.parametrize(
    ("held", "wanted", "conflict"),
    [
        (writes("/nas/a"), writes("/nas/a"), True),
        (writes("/nas/a"), writes("/nas/a/b/c"), True),
        (writes("/nas/a/b/c"), writes("/nas/a"), True),
        (writes("/nas/a"), reads("/nas/a/b"), True),
        (reads("/nas/a/b"), writes("/nas/a"), True),
        (reads("/nas/a"), reads("/nas/a"), False),
        (reads("/nas"), reads("/nas/a"), False),
        (writes("/nas/a"), writes("/nas/ab"), False),
        (writes("/nas/a"), writes("/nas/b"), False),
        (writes("/nas/a"), writes("/nas/a", endpoint="other"), False),
        (writes("/nas/a/"), writes("//nas/./a"), True),
        (writes("/"), reads("/nas/a"), True),
    ],
)
def test_trees_overlap(held: Location, wanted: Location, conflict: bool) -> None:
    assert bool(in_the_way([held], [wanted])) is conflict
    assert overlap(held, wanted) is conflict


def test_remote_paths_lose_the_name_of_their_endpoint() -> None:
    assert locate("team", "s3", "s3:bucket/a", "Write").parts == ("bucket", "a")
    assert locate("team", "nas", "/nas/a").path == "/nas/a"


def test_endpoints_of_other_namespaces_are_others() -> None:
    assert not in_the_way([locate("one", "nas", "/a", "Write")], [locate("two", "nas", "/a", "Write")])


def test_what_is_released_is_free_and_leaves_nothing_behind() -> None:
    locks = Locks()
    locks.hold("a", [writes("/nas/a"), reads("/nas/b")])
    locks.hold("b", [reads("/nas/b/c")])
    locks.release("a")
    assert not list(locks.conflicts([writes("/nas/a")]))
    assert [owner for owner, _ in locks.conflicts([writes("/nas")])] == ["b"]
    locks.release("b")
    assert "b" not in locks
    assert not locks._roots


def test_the_location_concerned_is_told() -> None:
    locks = Locks()
    locks.hold("a", [writes("/nas/x/y")])
    assert list(locks.conflicts([reads("/nas/z"), reads("/nas/x")])) == [("a", reads("/nas/x"))]


PARTS = st.lists(st.sampled_from("ab"), max_size=3).map(tuple)
LOCATIONS = st.builds(
    Location, st.sampled_from([("t", "e"), ("t", "f")]), PARTS, st.sampled_from(["Read", "Write"])
)  # fmt: skip


@given(
    st.lists(st.lists(LOCATIONS, max_size=3), max_size=6), st.sets(st.integers(0, 5)), st.lists(LOCATIONS, max_size=3)
)
@settings(max_examples=examples(100), deadline=None)
def test_the_trie_finds_just_those_that_the_rule_finds(
    held: list[list[Location]], released: set[int], wanted: list[Location]
) -> None:
    locks = Locks()
    for index, locations in enumerate(held):
        locks.hold(index, locations)
    for index in released:
        locks.release(index)
    expected = {
        index
        for index, locations in enumerate(held)
        if index not in released and any(overlap(one, other) for one in locations for other in wanted)
    }
    assert {owner for owner, _ in locks.conflicts(wanted)} == expected
