"""The config of a task: defaults, problems and their paths, and schemas that mean no good."""

from time import perf_counter
from typing import Any

import pytest

from asynctask.api.reasons import Reason
from asynctask.core.config import MAX_BYTES, effective_config, schema_problems

BACKUP: dict[str, Any] = {
    "type": "object",
    "required": ["source_path"],
    "additionalProperties": False,
    "properties": {
        "source_path": {"type": "string", "pattern": "^/"},
        "workers": {"type": "integer", "minimum": 1, "default": 4},
        "filter": {"type": "object", "default": {}, "properties": {"hidden": {"type": "boolean", "default": True}}},
        "limits": {"type": "object", "properties": {"files": {"type": "integer", "default": 10}}},
        "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
    },
    "$defs": {"rule": {"type": "object", "required": ["glob"], "properties": {"keep": {"default": 3}, "glob": {}}}},
}


def problems_of(config: dict[str, Any], schema: dict[str, Any] = BACKUP) -> list[tuple[str, str]]:
    return [(problem.path, problem.reason) for problem in effective_config(config, schema)[1]]


def test_defaults_are_filled_in_recursively_and_the_given_config_is_left_alone() -> None:
    given: dict[str, Any] = {"source_path": "/nas/a", "rules": [{"glob": "*.tmp"}]}
    config, problems = effective_config(given, BACKUP)
    assert not problems
    assert config == {
        "source_path": "/nas/a",
        "workers": 4,
        "filter": {"hidden": True},
        "rules": [{"glob": "*.tmp", "keep": 3}],
    }
    assert given == {"source_path": "/nas/a", "rules": [{"glob": "*.tmp"}]}
    config["filter"]["hidden"] = False
    assert effective_config(given, BACKUP)[0]["filter"] == {"hidden": True}


def test_an_object_is_not_made_up_but_filled_when_there() -> None:
    assert "limits" not in effective_config({"source_path": "/a"}, BACKUP)[0]
    assert effective_config({"source_path": "/a", "limits": {}}, BACKUP)[0]["limits"] == {"files": 10}


def test_a_value_given_beats_the_default_even_when_false() -> None:
    assert effective_config({"source_path": "/a", "filter": {"hidden": False}}, BACKUP)[0]["filter"] == {
        "hidden": False
    }


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "spec.config.source_path"),
        ({"source_path": 5}, "spec.config.source_path"),
        ({"source_path": "relative"}, "spec.config.source_path"),
        ({"source_path": "/a", "sourcepath": "/b"}, "spec.config.sourcepath"),
        ({"source_path": "/a", "a b": 1}, "spec.config[a b]"),
        ({"source_path": "/a", "workers": 0}, "spec.config.workers"),
        ({"source_path": "/a", "rules": [{"glob": "*"}, {}]}, "spec.config.rules[1].glob"),
    ],
)
def test_a_problem_names_its_field(config: dict[str, Any], path: str) -> None:
    assert problems_of(config) == [(path, Reason.INVALID_CONFIG)]


def test_a_message_speaks_of_what_is_known() -> None:
    (problem,) = effective_config({"source_path": "/a", "sourcepath": "/b"}, BACKUP)[1]
    assert str(problem).startswith("spec.config.sourcepath: is not known; known are filter, limits, rules, source_path")


def test_of_alternatives_the_closest_is_reported() -> None:
    schema = {"properties": {"to": {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["url"]}]}}}
    assert problems_of({"to": {}}, schema) == [("spec.config.to.url", Reason.INVALID_CONFIG)]


def test_without_a_schema_anything_goes() -> None:
    assert effective_config({"a": [1]}, {}) == ({"a": [1]}, ())


@pytest.mark.parametrize("config", [{"a": "x" * MAX_BYTES}, {"a": ["é" * 100] * 330}])
def test_a_large_config_is_refused(config: dict[str, Any]) -> None:
    assert problems_of(config, {}) == [("spec.config", Reason.CONFIG_TOO_LARGE)]


def test_a_deep_config_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert problems_of(deep, {}) == [("spec.config", Reason.INVALID_CONFIG)]
    while deep:  # taken apart by hand: freeing it at once would overflow older interpreters' stacks
        deep = deep["a"]


def test_many_problems_are_cut() -> None:
    assert len(problems_of({f"x{index}": 1 for index in range(500)})) == 20


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"properties": {"a": {"pattern": "(?=a)"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"pattern": "a" * 600}}},
        {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
        {"properties": {"a": {"$ref": "#/$defs/none"}}},
        {"patternProperties": {"^a": {}}},
        {"$id": "https://example.com/", "properties": {"a": {"$ref": "#/properties/b"}, "b": {}}},
        {"description": "x" * 200_000},
    ],
)
def test_a_schema_that_cannot_be_used_is_a_problem_of_the_type(schema: dict[str, Any]) -> None:
    problems = schema_problems(schema)
    assert problems
    assert {problem.reason for problem in problems} == {Reason.INVALID_TYPE}
    assert effective_config({}, schema)[1] == problems


def test_a_property_may_be_called_like_a_keyword() -> None:
    assert not schema_problems({"properties": {"patternProperties": {"type": "object"}, "pattern": {"type": "string"}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"default": {}, "$ref": "#"}}},
        {"properties": {"a": {"default": {}, "$ref": "#"}, "b": {"default": {}, "$ref": "#"}}},
    ],
)
def test_a_schema_that_never_ends_is_refused(schema: dict[str, Any]) -> None:
    problems = effective_config({"c": 1}, schema)[1]
    assert [problem.reason for problem in problems] in ([Reason.INVALID_TYPE], [])
    if "a" not in schema.get("properties", {}) or "default" in schema["properties"]["a"]:
        assert problems


def test_a_recursive_schema_that_ends_is_fine() -> None:
    tree = {"properties": {"name": {"default": "x"}, "children": {"type": "array", "items": {"$ref": "#"}}}}
    assert effective_config({"children": [{}]}, tree) == ({"name": "x", "children": [{"name": "x"}]}, ())


def test_neither_pattern_nor_unique_items_take_long() -> None:
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}, "b": {"uniqueItems": True}}}
    started = perf_counter()
    assert problems_of({"a": "a" * 5000 + "b"}, schema) == [("spec.config.a", Reason.INVALID_CONFIG)]
    assert problems_of({"b": [{"n": n % 5000} for n in range(5001)]}, schema) == [
        ("spec.config.b", Reason.INVALID_CONFIG)
    ]
    assert perf_counter() - started < 2


def test_the_same_schema_is_compiled_once() -> None:
    effective_config({"source_path": "/a"}, BACKUP)
    started = perf_counter()
    for _ in range(200):
        effective_config({"source_path": "/a"}, BACKUP)
    assert (perf_counter() - started) / 200 < 0.005
