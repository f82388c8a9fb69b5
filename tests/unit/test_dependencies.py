"""Circles of tasks that wait for each other, checked against plain search."""

import itertools
from collections.abc import Mapping
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from asynctask.core.dependencies import Dependencies

NAMES = "abcdef"
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=3)))


def graph(**needs: str) -> Dependencies:
    """`graph(a="bc")`: a waits for b and c."""
    result = Dependencies()
    for name, others in needs.items():
        result.put(("team", name), others)
    return result


def reachable(name: str, needs: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    for _ in NAMES:
        found |= {other for near in [name, *found] for other in needs.get(near, ())}
    return found


def test_a_circle_is_told_from_where_one_stands() -> None:
    tasks = graph(a="b", b="c", c="a", d="a")
    assert tasks.cycle(("team", "a")) == ("a", "b", "c", "a")
    assert tasks.cycle(("team", "c")) == ("c", "a", "b", "c")
    assert tasks.cycle(("team", "d")) == (), "it only waits for the circle"


def test_a_task_that_waits_for_itself() -> None:
    assert graph(a="a").cycle(("team", "a")) == ("a", "a")


def test_namespaces_keep_apart() -> None:
    tasks = graph(a="b")
    assert tasks.put(("other", "b"), ["a"]) == set()
    assert tasks.cycle(("team", "a")) == ()


def test_who_gets_into_a_circle_or_out_is_named() -> None:
    tasks = graph(a="b", b="c")
    ring = {("team", name) for name in "abc"}
    assert tasks.put(("team", "c"), ["a"]) == ring
    assert tasks.put(("team", "c"), ["a"]) == set(), "nothing changed"
    assert tasks.put(("team", "b"), []) == ring


def test_of_two_circles_one_is_left() -> None:
    tasks = graph(a="bc", b="a", c="a")
    tasks.put(("team", "b"), [])
    assert tasks.cycle(("team", "a")) == ("a", "c", "a")
    assert tasks.cycle(("team", "b")) == ()


def test_a_circle_of_thousands_is_found_and_undone_at_once() -> None:
    tasks, count = Dependencies(), 5_000
    begun = perf_counter()
    for number in range(count):
        tasks.put(("team", f"t{number}"), [f"t{number - 1}" if number else f"t{count - 1}"])
    assert len(tasks.cycle(("team", "t7"))) == count + 1
    assert len(tasks.put(("team", "t9"), [])) == count
    assert tasks.cycle(("team", "t7")) == ()
    assert perf_counter() - begun < 2


@given(CHANGES)
def test_every_change_leaves_the_truth(changes: list[tuple[str, list[str]]]) -> None:
    tasks, needs = Dependencies(), dict[str, list[str]]()
    in_circle: set[str] = set()
    for name, others in changes:
        changed = tasks.put(("team", name), others)
        needs[name] = others
        now = {each for each in NAMES if each in reachable(each, needs)}
        assert {each for each in NAMES if tasks.cycle(("team", each))} == now
        assert now ^ in_circle <= {each for _, each in changed}, "who got in or out is looked at again"
        in_circle = now
        for each in now:
            path = tasks.cycle(("team", each))
            assert path[0] == path[-1] == each
            assert all(after in needs[before] for before, after in itertools.pairwise(path))
            assert len(path) == len(set(path)) + 1
        for each in NAMES:
            assert tasks.dependents(("team", each)) == {("team", n) for n, those in needs.items() if each in those}
