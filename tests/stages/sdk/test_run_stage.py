"""Tests of a stage in the test's own process."""

import pytest

from asynctask_stage import PermanentError
from asynctask_stage.testing import run_stage


def count(stage):
    done = (stage.checkpoint or {"done": 0})["done"]
    for n in range(done, 5):
        stage.check()
        stage.progress(items_done=n + 1, items_total=5)
        stage.save({"done": n + 1})
    return {"from": done}


def test_records_what_the_stage_tells():
    result = run_stage(count)
    assert (result.outcome, result.exit_code, result.outputs) == ("succeeded", 0, {"from": 0})
    assert [told["items_done"] for told in result.progress] == [1, 2, 3, 4, 5]
    assert result.checkpoint == {"done": 5}


def test_stops_on_a_condition_and_resumes():
    stopped = run_stage(count, stop_when=lambda seen: len(seen.progress) == 2)
    assert (stopped.outcome, stopped.exit_code, stopped.checkpoint) == ("stopped", 143, {"done": 2})
    assert run_stage(count, checkpoint=stopped.checkpoint).outputs == {"from": 2}


def test_a_registered_checkpoint_is_asked_for_on_a_stop():
    def main(stage):
        stage.register_checkpoint(lambda: {"cursor": "z"})
        stage.sleep(60)

    result = run_stage(main, stop_when=lambda _seen: True)
    assert (result.outcome, result.checkpoint) == ("stopped", {"cursor": "z"})


def test_stopped_passes_through_except_exception():
    def main(stage):
        try:
            stage.check()
        except Exception:
            raise PermanentError("swallowed") from None

    assert run_stage(main, stop_when=lambda _seen: True).outcome == "stopped"


def test_item_errors_make_it_partial():
    def main(stage):
        stage.progress(items_total=9)
        stage.item_error(b"a/\xff", reason="PermissionDenied", message="no")
        stage.item_error("b", reason="Locked", error_class="transient")

    result = run_stage(main)
    assert (result.outcome, result.exit_code, result.message) == ("partial", 3, "2 of 9 items failed")
    assert [item.path for item in result.item_errors] == ["a/\\xff", "b"]


def test_an_item_error_of_no_class_is_an_error_of_the_author():
    def main(stage):
        with pytest.raises(ValueError, match="fatal"):
            stage.item_error("a", reason="X", error_class="fatal")

    assert run_stage(main).exit_code == 0


def test_items_that_failed_before_a_resume_still_count():
    def main(stage):
        if stage.checkpoint is None:
            stage.item_error("a", reason="Locked")
            stage.save({"done": 1})
            stage.item_error("b", reason="Locked")  # after the checkpoint: will fail again after the resume
            stage.check()
        assert stage.checkpoint == {"done": 1}
        stage.item_error("b", reason="Locked")

    stopped = run_stage(main, stop_when=lambda seen: len(seen.item_errors) == 2)
    result = run_stage(main, checkpoint=stopped.checkpoint)
    assert (result.outcome, result.message) == ("partial", "2 items failed")


def test_the_count_of_a_pod_before_comes_with_the_checkpoint(gateway, pod):
    gateway.checkpoint, gateway.checkpoint_sequence = {"n": 1, "_itemErrors": 2}, 4

    def main(stage):
        assert stage.checkpoint == {"n": 1}
        stage.save({"n": 2}, now=True)
        assert gateway.checkpoint == {"n": 2, "_itemErrors": 2}

    assert pod.run(main) == 3
    assert gateway.completions[-1]["itemErrorCount"] == 2


def test_artifacts_are_a_dictionary(tmp_path):
    def main(stage):
        with stage.artifacts.open("in.txt") as stream:
            stage.artifacts.put("out.txt", stream.read().upper())
        stage.artifacts.get("out.txt", tmp_path / "copy")
        with pytest.raises(FileNotFoundError):
            stage.artifacts.get("none", tmp_path / "none")

    result = run_stage(main, artifacts={"in.txt": b"abc"})
    assert result.artifacts["out.txt"] == (tmp_path / "copy").read_bytes() == b"ABC"
