"""What callers send, checked before anything is done: each refusal names the field."""

import json
from typing import Any, Literal

import pytest
from multidict import MultiDict
from pydantic import Field, field_validator

from asynctask.gateway.front import bodies
from asynctask.gateway.front.fields import FieldProblem
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.problems import BadRequest, InvalidField, InvalidJson, NestedTooDeeply, TooManyValues


class Part(Camel):
    part_name: str
    size: int = Field(default=0, ge=0, le=10)


class Sent(Camel):
    parts: tuple[Part, ...] = ()
    mode: Literal["fast", "slow"] = "fast"
    config: dict[str, Any] = Field(default_factory=dict)

    @field_validator("mode")
    @classmethod
    def _not_slow(cls, value: str) -> str:
        if value == "slow":
            raise FieldProblem("TooGreat", limit="fast")
        return value


class Asked(Camel):
    task_type: tuple[str, ...] = ()
    limit: int = Field(default=50, ge=1, le=500)


REFUSED: list[tuple[str, str]] = [
    ('{"parts": [{"partName": "a"}, {}]}', "parts[1].partName Missing"),
    ('{"parts": [{"partName": "a", "more": 1}]}', "parts[0].more UnknownField"),
    ('{"parts": [{"partName": "a", "part_name": "b"}]}', "parts[0].part_name UnknownField"),
    ('{"parts": [{"partName": 5}]}', "parts[0].partName WrongType"),
    ('{"parts": [{"partName": "a", "size": "5"}]}', "parts[0].size WrongType"),
    ('{"parts": [{"partName": "a", "size": 11}]}', "parts[0].size TooGreat"),
    ('{"parts": {}}', "parts WrongType"),
    ('{"mode": "odd"}', "mode NotAChoice"),
    ('{"mode": "slow"}', "mode TooGreat"),
    ('{"config": {"a": [1, {"b": 1, "b": 2}]}}', "config.a[1].b DuplicateField"),
    ('{"mode": "fast", "mode": "fast"}', "mode DuplicateField"),
    ('{"config": {"a": "\\u0000"}}', "config.a InvalidCharacter"),
    ('{"config": {"a\\u0000": 1}}', "config InvalidCharacter"),
    ("[]", " WrongType"),
]


@pytest.mark.parametrize(("raw", "error"), REFUSED)
def test_a_field_at_fault_is_named(raw: str, error: str) -> None:
    with pytest.raises(InvalidField) as refused:
        bodies.parse(raw.encode(), Sent)
    assert [f"{item.field} {item.code}" for item in refused.value.errors] == [error]


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a": "\\ud800"}', b'{"a":1}x'])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson):
        bodies.parse(raw, Sent)


def _nested(depth: int) -> bytes:
    return b'{"config": ' * depth + b"{}" + b"}" * depth


def test_depth_is_bounded() -> None:
    with pytest.raises(NestedTooDeeply):
        bodies.parse(_nested(bodies.MAX_DEPTH + 1), Sent)
    assert bodies.parse(_nested(bodies.MAX_DEPTH - 1), Sent).config


def test_the_number_of_values_is_bounded() -> None:
    with pytest.raises(TooManyValues):
        bodies.parse(json.dumps({"config": {"a": [0] * bodies.MAX_VALUES}}).encode(), Sent)


def test_huge_numbers_do_no_harm() -> None:
    with pytest.raises(BadRequest):
        bodies.parse(b'{"parts": [{"partName": "a", "size": ' + b"9" * 100_000 + b"}]}", Sent)


def test_a_query_may_repeat_lists_only() -> None:
    lists = bodies.list_fields(Asked)
    assert bodies.query(MultiDict([("taskType", "a"), ("taskType", "b"), ("limit", "5")]), Asked, lists).limit == 5
    for name, value, error in (
        ("limit", "500000", "limit TooGreat"),
        ("limit", "x", "limit WrongType"),
        ("other", "1", "other UnknownField"),
        ("task_type", "1", "task_type UnknownField"),
        ("taskType", "\0", "taskType InvalidCharacter"),
    ):
        with pytest.raises(InvalidField) as refused:
            bodies.query(MultiDict([(name, value)]), Asked, lists)
        assert [f"{item.field} {item.code}" for item in refused.value.errors] == [error]
    with pytest.raises(InvalidField, match="more than once"):
        bodies.query(MultiDict([("limit", "1"), ("limit", "2")]), Asked, lists)


@pytest.mark.parametrize("value", ["..", "", "a/b", "a\0", "%2e", "x" * 300, "-a", "a b", "名"])
def test_no_path_climbs(value: str) -> None:
    with pytest.raises(InvalidField):
        bodies.path_values({"name": value})
