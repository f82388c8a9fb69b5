"""JSON merge patches: applied, they give what is wanted, and nothing is written twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.core.mergepatch import difference

Body = dict[str, Any]


def apply(target: Any, patch: Any) -> Any:
    """RFC 7386, word by word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result


def pruned(value: Any, at_top: bool = True) -> Any:
    """Without what is empty, which means the same as absent."""
    if not isinstance(value, dict):
        return value
    found = {key: pruned(inner, False) for key, inner in value.items()}
    return {key: inner for key, inner in found.items() if inner not in (None, "", [], {}, ())}


@pytest.mark.parametrize(("have", "want", "patch"), [
    ({}, {}, {}),
    ({"a": 1}, {"a": 1}, {}),
    ({"a": 1}, {"a": 2}, {"a": 2}),
    ({"a": 1}, {"b": 2}, {"b": 2}),
    ({"a": 1}, {"a": None}, {"a": None}),
    ({}, {"a": None, "b": "", "c": [], "d": {}}, {}),
    ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"y": None}}),
    ({"a": {"x": 1}}, {"a": {"x": 1, "y": None}}, {}),
    ({"a": {"x": {"z": 1}}}, {"a": {"x": {"z": 2}}}, {"a": {"x": {"z": 2}}}),
    ({"a": 0}, {"a": 0}, {}),
    ({"a": 5}, {"a": 0}, {"a": 0}),
    ({"a": True}, {"a": False}, {"a": False}),
])  # fmt: skip
def test_difference(have: Body, want: Body, patch: Body) -> None:
    assert difference(have, want) == patch


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 3)
    | st.sampled_from(["", "x"])
    | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_patch_gives_what_is_wanted_and_then_nothing_is_left_to_do(have: Body, want: Body) -> None:
    stored = pruned(have)
    after = apply(stored, difference(stored, want))
    for key, value in want.items():
        assert pruned({"k": after.get(key)}) == pruned({"k": value})
    for key in stored.keys() - want.keys():
        assert after[key] == stored[key]
    assert difference(after, want) == {}
