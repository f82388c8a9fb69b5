"""CEL expressions: what they may ask, and what is said when they can't be answered."""

from typing import Any

import pytest

from asynctask.core.expressions import ExpressionError, compile_expression, holds, items, value

OUTPUTS = {"scan": {"files": 3}}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("outputs.scan.files > 2", True),
        ("outputs.scan.files > 3", False),
        ("has(outputs.scan.bytes)", False),
        ("config.verify == 'hash'", True),
        ("outcomes.scan == 'Failed'", True),
        ("outcomes.exists(name, outcomes[name] == 'Cancelled')", False),
    ],
)
def test_an_expression_asks_config_and_outputs(text: str, answer: bool) -> None:
    assert holds(text, {"config": {"verify": "hash"}, "outputs": OUTPUTS, "outcomes": {"scan": "Failed"}}) is answer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("outputs.scan.bytes > 1", "there is no 'bytes'; has(…) asks"),
        ("outputs.copy.files > 1", "there is no 'copy'; has(…) asks"),
        ("nosuch > 1", "nosuch"),
        ("outputs.scan.files", "gives int, not true or false"),
    ],
)
def test_a_question_without_an_answer_says_why(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        holds(text, {"config": {}, "outputs": OUTPUTS})
    assert words in str(refused.value)


def test_a_fault_of_syntax_is_found_before_the_task_runs() -> None:
    assert "not a CEL expression" in compile_expression("outputs.scan.files >")
    assert compile_expression("outputs.scan.files > 1") == ""


FOLDERS = {"folders": [{"path": "/nas/a", "size": 5}, {"path": "/nas/b", "size": 50}]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("config.folders", ({"path": "/nas/a", "size": 5}, {"path": "/nas/b", "size": 50})),
        ("config.folders.filter(f, f.size > 10).map(f, f.path)", ("/nas/b",)),
        ("['a', 'b']", ("a", "b")),
        ("3", (0, 1, 2)),
        ("[]", ()),
    ],
)
def test_a_list_is_made(text: str, found: tuple[Any, ...]) -> None:
    assert items(text, {"config": FOLDERS}) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config.folders[0]", "gives dict, not a list"),
        ("'abc'", "gives str, not a list"),
        ("true", "gives bool, not a list"),
        ("-1", "gives -1 items"),
        ("10001", "gives 10001 items; at most 10000"),
        ("config.large", "bytes as JSON; at most"),
        ("[b'x']", "gives bytes; a config holds"),
        ("config.nosuch", "there is no 'nosuch'"),
    ],
)
def test_a_list_that_can_t_be_made_says_why(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        items(text, {"config": FOLDERS | {"large": ["x" * 1000] * 100}})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("config.target + '/' + item.name", "/new/sales"),
        ("item.size * 2", 10),
        ("item.size > 1", True),
        ("index", 7),
        ("null", None),
        ("{'deep': [1.5, item]}", {"deep": [1.5, {"name": "sales", "size": 5}]}),
    ],
)
def test_a_value_keeps_its_type(text: str, found: Any) -> None:
    given = value(text, {"config": {"target": "/new"}, "item": {"name": "sales", "size": 5}, "index": 7})
    assert (given, type(given)) == (found, type(found))


def test_a_value_that_no_config_can_hold_is_refused() -> None:
    for text in ("timestamp('2030-01-01T00:00:00Z')", "duration('1h')", "{1: 'x'}", "1.0 / 0.0"):
        with pytest.raises(ExpressionError, match=r"gives .*; a config holds"):
            value(text, {})
