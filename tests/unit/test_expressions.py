"""`when` expressions: what they may ask, and what is said when they can't be answered."""

import pytest

from asynctask.core.expressions import ExpressionError, compile_expression, holds

OUTPUTS = {"scan": {"files": 3}}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("outputs.scan.files > 2", True),
        ("outputs.scan.files > 3", False),
        ("has(outputs.scan.bytes)", False),
        ("config.verify == 'hash'", True),
    ],
)
def test_an_expression_asks_config_and_outputs(text: str, answer: bool) -> None:
    assert holds(text, {"verify": "hash"}, OUTPUTS) is answer


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
        holds(text, {}, OUTPUTS)
    assert words in str(refused.value)


def test_a_fault_of_syntax_is_found_before_the_task_runs() -> None:
    assert "not a CEL expression" in compile_expression("outputs.scan.files >")
    assert compile_expression("outputs.scan.files > 1") == ""
