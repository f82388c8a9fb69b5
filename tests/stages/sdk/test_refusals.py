"""A pod that no longer has its stage stops at once and touches nothing."""

from pathlib import Path

import pytest

from asynctask_stage import Superseded


def work(gateway):
    def main(stage):
        gateway.wait_for(lambda seen: seen.reports)
        while True:
            stage.sleep(0.01)

    return main


def test_a_ghost_is_refused_at_the_start(gateway, make_pod):
    ghost, successor = make_pod(attempt=1), make_pod(attempt=2)
    assert successor.run(lambda stage: None) == 0
    assert ghost.run(lambda stage: pytest.fail("main ran")) == 143
    assert gateway.refusals == [(1, "StaleAttempt")]
    assert ghost.termination["reason"] == "Superseded"


@pytest.mark.parametrize("refuse", ["stale", "gone", "revoke"])
def test_a_refusal_while_it_runs(gateway, make_pod, workspace, refuse):
    pod = make_pod(workspace=workspace)
    seen = []

    def main(stage):
        stage.save({"n": 1}, now=True)
        kept = (workspace / ".asynctask" / "r1-content.json").read_text()
        getattr(gateway, refuse)()
        try:
            while True:
                stage.sleep(0.01)
        except Superseded:
            seen.append(kept)
            stage.register_checkpoint(lambda: seen.append("asked") or {"n": 2})
            raise

    assert pod.run(main) == 143
    assert seen == [(workspace / ".asynctask" / "r1-content.json").read_text()]
    assert not gateway.completions
    assert pod.termination["outcome"] == "stopped"


def test_work_that_ignores_it_is_killed(gateway, pod):
    def main(stage):
        gateway.stale()
        gateway.wait_for(lambda _seen: pod.kills)

    pod.run(main)
    assert pod.kills[0] == 143
    assert not gateway.completions


def test_a_refused_ending_counts_as_stopped(gateway, pod):
    def main(stage):
        gateway.stale()
        return {"n": 1}

    assert pod.run(main) == 143
    assert pod.termination["reason"] == "Superseded"


def test_one_bad_token_is_read_again(gateway, pod):
    token_file = Path(pod.variables["ASYNCTASK_TOKEN_FILE"])
    good = token_file.read_text()

    def main(stage):
        token_file.write_text("rotated-away")
        gateway.fail(1, 401, "InvalidToken", path="report")
        token_file.write_text(good)
        seen = len(gateway.reports)
        gateway.wait_for(lambda gateway: len(gateway.reports) > seen)

    assert pod.run(main) == 0


def test_the_token_is_read_for_each_call(gateway, pod, tmp_path):
    def main(stage):
        fresh = gateway.env(tmp_path)  # the same as a rotated token of a newer holder
        gateway.holder = 2
        Path(pod.variables["ASYNCTASK_TOKEN_FILE"]).write_text(Path(fresh["ASYNCTASK_TOKEN_FILE"]).read_text())

    pod.variables["ASYNCTASK_PATIENCE_SECONDS"] = "5"
    assert pod.run(main) == 0


def test_save_now_raises_superseded(gateway, pod):
    def main(stage):
        gateway.stale()
        with pytest.raises(Superseded):
            stage.save({"n": 1}, now=True)
        stage.check()

    assert pod.run(main) == 143
