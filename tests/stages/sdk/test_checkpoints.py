"""Checkpoints: frozen when saved, kept in the workspace, taken up again."""

import json

import pytest

from asynctask_stage.checkpoints import Checkpoints
from asynctask_stage.contexts import Checkpoint, Context
from asynctask_stage.errors import Superseded
from asynctask_stage.testing import run_stage

NAME = "r1-content.json"


def local(workspace):
    return json.loads((workspace / ".asynctask" / NAME).read_text())


def leave(workspace, content):
    path = workspace / ".asynctask" / NAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([1], TypeError),
        ({"a": {1, 2}}, TypeError),
        ({"a": float("nan")}, ValueError),
        ({"a": "\udcff"}, ValueError),
        ({"a": "x" * 33_000}, ValueError),
    ],
)
def test_a_bad_checkpoint_is_an_error_of_the_author_at_once(data, error):
    def main(stage):
        with pytest.raises(error, match="checkpoint"):
            stage.save(data)

    assert run_stage(main).exit_code == 0


def test_a_checkpoint_is_frozen_when_it_is_saved():
    def main(stage):
        data = {"list": [1]}
        stage.save(data)
        data["list"].append(2)
        stage.checkpoint["list"].append(3)
        assert stage.checkpoint == {"list": [1]}

    assert run_stage(main).exit_code == 0


def test_goes_out_with_the_next_report(gateway, pod):
    def main(stage):
        stage.save({"cursor": "b"})
        gateway.wait_for(lambda seen: seen.checkpoint == {"cursor": "b"})

    assert pod.run(main) == 0
    assert sum("checkpoint" in report for report in gateway.reports) == 1


def test_save_now_returns_when_the_gateway_has_it(gateway, pod):
    def main(stage):
        for n in range(5):
            assert stage.save({"n": n}, now=True)
            assert gateway.checkpoint == {"n": n}

    assert pod.run(main) == 0


def test_save_now_returns_with_the_workspace_when_the_gateway_is_away(gateway, make_pod, workspace):
    def main(stage):
        gateway.down()
        stage.save({"n": -1}, now=True)
        calls = gateway.calls
        for n in range(50):
            assert stage.save({"n": n}, now=True)
            assert local(workspace)["data"] == {"n": n}
        assert gateway.calls < calls + 25  # not one try for each

    assert make_pod(workspace=workspace, patience=0.3).run(main) == 0


def test_save_now_says_when_nothing_is_durable(gateway, make_pod):
    def main(stage):
        gateway.down()
        assert not stage.save({"n": 1}, now=True)

    assert make_pod(patience=0.3).run(main) == 0


def test_the_workspace_gets_it_once_a_period(gateway, make_pod, workspace):
    def main(stage):
        stage.save({"n": 1})
        gateway.wait_for(lambda _seen: (workspace / ".asynctask" / NAME).exists())

    assert make_pod(workspace=workspace).run(main) == 0
    assert local(workspace).items() >= {"attempt": 1, "data": {"n": 1}}.items()
    assert not list((workspace / ".asynctask").glob("*.tmp"))


@pytest.mark.parametrize(("local_sequence", "expected"), [(3, "gateway"), (9, "local")])
def test_the_higher_sequence_wins_and_sequences_go_on(gateway, make_pod, workspace, local_sequence, expected):
    gateway.checkpoint, gateway.checkpoint_sequence = {"from": "gateway"}, 5
    leave(workspace, {"sequence": local_sequence, "attempt": 1, "data": {"from": "local"}})

    def main(stage):
        gateway.wait_for(lambda seen: seen.reports)
        return stage.checkpoint

    assert make_pod(workspace=workspace).run(main) == 0
    assert gateway.completions[-1]["outputs"] == {"from": expected}
    assert gateway.reports[0]["sequence"] > max(5, local_sequence)
    assert gateway.checkpoint == {"from": expected}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sequence": 1}', '{"sequence": "1", "attempt": 1, "data": {}}'])
def test_a_corrupt_file_is_set_aside(gateway, make_pod, workspace, caplog, content):
    path = leave(workspace, content)

    def main(stage):
        assert stage.checkpoint is None

    assert make_pod(workspace=workspace).run(main) == 0
    assert path.with_name(f"{NAME}.corrupt").read_text() == content
    assert "corrupt" in caplog.text


def test_a_workspace_that_fails_does_not_end_the_work(make_pod, tmp_path, caplog):
    file = tmp_path / "file"
    file.write_text("")

    def main(stage):
        assert stage.save({"n": 1}, now=True)  # the gateway has it

    assert make_pod(workspace=file).run(main) == 0
    assert "workspace" in caplog.text


def test_a_file_of_a_newer_attempt_is_not_overwritten(workspace):
    checkpoints = Checkpoints(Context(stage="content", attempt=1), workspace=workspace)
    leave(workspace, {"sequence": 2, "attempt": 2, "data": {}})
    checkpoints.save({"ghost": True})
    with pytest.raises(Superseded):
        checkpoints.write()
    assert local(workspace)["data"] == {}


def test_a_ghost_in_the_workspace_stops(gateway, make_pod, workspace):
    def main(stage):
        gateway.down()
        leave(workspace, {"sequence": 99, "attempt": 2, "data": {}})
        with pytest.raises(Superseded):
            stage.save({"ghost": True}, now=True)
        stage.check()

    assert make_pod(workspace=workspace).run(main) == 143
    assert local(workspace)["attempt"] == 2
    assert not gateway.completions


def test_a_newer_state_never_has_a_lower_sequence():
    checkpoints = Checkpoints(Context(checkpoint=Checkpoint(41, {"n": 0})))
    sequences = []
    for n in range(3):
        checkpoints.save({"n": n})
        sequences.append((checkpoints.unsent().sequence, checkpoints.next_sequence()))
    assert sequences == [(42, 43), (44, 45), (46, 47)]


def test_the_registered_callable_is_asked_when_one_is_due(gateway, pod):
    asked = []

    def main(stage):
        stage.register_checkpoint(lambda: asked.append(1) or {"n": len(asked)})
        gateway.wait_for(lambda seen: (seen.checkpoint or {}).get("n", 0) >= 2)

    assert pod.run(main) == 0


def test_a_registered_callable_that_fails_loses_only_that_checkpoint(gateway, pod, caplog):
    answers = iter([ValueError("first"), None, {"n": 3}])

    def make():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def main(stage):
        stage.register_checkpoint(make)
        gateway.wait_for(lambda seen: seen.checkpoint == {"n": 3})
        stage.register_checkpoint(None)

    assert pod.run(main) == 0
    assert "registered checkpoint failed" in caplog.text


def test_a_checkpoint_is_requested_when_the_gateway_asks(gateway, pod):
    def main(stage):
        stage.save({"n": 0})
        gateway.command("checkpoint")
        gateway.wait_for(lambda _seen: stage.checkpoint_requested)
        stage.save({"n": 1})
        assert not stage.checkpoint_requested

    assert pod.run(main) == 0
