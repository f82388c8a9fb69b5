"""The gateway is away: the work goes on."""

import json

import pytest


def test_for_the_whole_run(gateway, make_pod, workspace):
    gateway.down()
    pod = make_pod(workspace=workspace, patience=0.3)

    def main(stage):
        assert stage.config["source_path"] == "/nas/a"
        stage.progress(items_done=1, items_total=1)
        stage.save({"n": 1})
        stage.item_error("a", reason="Locked")
        return {"n": 1}

    assert pod.run(main) == 3
    assert not gateway.completions
    assert pod.termination["outcome"] == "partial"
    assert pod.termination["outputs"] == {"n": 1}
    kept = json.loads((workspace / ".asynctask" / "r1-content.json").read_text())
    assert kept["data"] == {"n": 1}


def test_in_the_middle_the_newest_state_is_sent_when_it_is_back(gateway, make_pod):
    pod = make_pod(patience=10)

    def main(stage):
        stage.save({"n": 0}, now=True)
        gateway.down()
        before = gateway.calls
        for n in range(1, 50):
            stage.save({"n": n})
            stage.progress(items_done=n)
        stage.item_error("a", reason="Locked")
        gateway.wait_for(lambda seen: seen.calls >= before + 2)
        assert gateway.checkpoint == {"n": 0}
        gateway.up()
        gateway.wait_for(lambda seen: seen.checkpoint == {"n": 49})

    assert pod.run(main) == 3
    sent = [report["checkpoint"]["n"] for report in gateway.reports if "checkpoint" in report]
    assert sent == [0, 49]
    assert sum(len(report.get("itemErrors", [])) for report in gateway.reports) == 1


def test_at_the_end_complete_is_tried_until_it_is_back(gateway, make_pod):
    pod = make_pod(patience=10)
    gateway.fail(3, 503, path="complete")
    assert pod.run(lambda stage: {"n": 1}) == 0
    assert gateway.completions[-1]["outputs"] == {"n": 1}


def test_at_the_end_it_is_not_waited_for_for_ever(gateway, make_pod):
    pod = make_pod(patience=0.3)

    def main(stage):
        gateway.down()
        return {"n": 1}

    assert pod.run(main) == 0
    assert pod.termination.items() >= {"outcome": "succeeded", "outputs": {"n": 1}}.items()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_errors_that_pass_are_tried_again(gateway, pod, status):
    gateway.fail(2, status, path="report")

    def main(stage):
        stage.save({"n": 1})
        gateway.wait_for(lambda seen: seen.checkpoint == {"n": 1})

    assert pod.run(main) == 0


def test_retry_after_is_honoured(gateway, make_pod):
    pod = make_pod(patience=0.2)
    gateway.fail(1, 429, retry_after=3600, path="report")

    def main(stage):
        gateway.wait_for(lambda seen: seen.calls >= 2)
        calls = gateway.calls
        for n in range(3):
            assert not stage.save({"n": n}, now=True)
        stage.sleep(0.3)  # six report periods
        assert gateway.calls == calls

    assert pod.run(main) == 0


def test_a_slow_gateway_does_not_slow_the_work(gateway, make_pod):
    def main(stage):
        gateway.slow(0.5)
        seen = gateway.calls
        for n in range(20_000):
            stage.progress(items_done=n)
            stage.save({"n": n})
        assert gateway.calls <= seen + 2
        gateway.slow(0)

    assert make_pod(patience=5).run(main) == 0


def test_a_context_that_fails_at_first_is_tried_again(gateway, pod):
    gateway.fail(2, 503, path="context")

    def main(stage):
        assert stage.outputs["metadata"] == {"entries": 7}

    assert pod.run(main) == 0


def test_a_pod_that_started_without_the_gateway_joins_later(gateway, make_pod):
    gateway.checkpoint, gateway.checkpoint_sequence = {"n": 5}, 500
    gateway.down()

    def main(stage):
        gateway.up()
        stage.save({"n": 1})
        gateway.wait_for(lambda seen: seen.checkpoint == {"n": 1})

    assert make_pod(patience=0.2).run(main) == 0
    assert gateway.reports[0]["sequence"] > 500
