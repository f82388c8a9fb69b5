"""The termination message."""

import json

import pytest

from asynctask_stage import TransientError
from asynctask_stage.endings import TERMINATION_BYTES, termination_message

BODY = {"sequence": 4, "outcome": "failed", "class": "transient", "reason": "TimedOut", "message": "no answer"}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"outputs": {"a": "x" * 16_000}},
        {"outputs": {"a": "é" * 2_100}},
        {"itemErrors": [{"path": "p" * 4000}] * 100, "outputs": {"n": 1}},
        {"progress": {"message": "\x01" * 1024}, "message": "\x01" * 1024},
        {"message": "\x01" * 4000, "reason": "R" * 128},
    ],
)
def test_is_valid_json_in_4_kib(extra):
    content = termination_message({**BODY, **extra})
    assert len(content) <= TERMINATION_BYTES
    assert json.loads(content)["outcome"] == "failed"


def test_item_errors_go_before_outputs():
    content = json.loads(termination_message({**BODY, "itemErrors": ["x" * 5000], "outputs": {"n": 1}}))
    assert "itemErrors" not in content
    assert content["outputs"] == {"n": 1}


def test_is_written_whatever_happens(gateway, pod):
    def main(stage):
        raise TransientError("no answer", reason="TimedOut")

    assert pod.run(main) == 75
    assert pod.termination.items() >= {**BODY, "sequence": pod.termination["sequence"]}.items()
    assert gateway.completions[-1].items() >= {"outcome": "failed", "class": "transient", "reason": "TimedOut"}.items()


def test_one_that_cannot_be_written_is_no_matter(pod, tmp_path):
    pod.variables["ASYNCTASK_TERMINATION_LOG"] = str(tmp_path / "no" / "where")
    assert pod.run(lambda stage: None) == 0
