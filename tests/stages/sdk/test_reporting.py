"""Reports: what they carry, and what happens when the gateway objects."""

import json

import pytest

from asynctask_stage.reports import PER_CALL


def test_log_lines_reach_the_report_and_stdout(gateway, pod, caplog):
    def main(stage):
        stage.log.warning("could not keep the owner of %d files", 3)
        stage.log.info("x" * 9000)
        gateway.wait_for(lambda seen: any("log" in report for report in seen.reports))

    assert pod.run(main) == 0
    lines = [line for report in gateway.reports for line in report.get("log", [])]
    assert (lines[0]["level"], lines[0]["message"]) == ("warning", "could not keep the owner of 3 files")
    assert len(lines[1]["message"].encode()) <= 4096
    assert "owner of 3 files" in caplog.text


def test_unsent_lines_go_out_before_the_end(gateway, pod):
    assert pod.run(lambda stage: stage.log.warning("last words")) == 0
    assert gateway.reports[-1]["log"][0]["message"] == "last words"


def test_lists_are_sent_in_calls_of_a_hundred(gateway, pod):
    def main(stage):
        for n in range(250):
            stage.item_error(f"f{n}", reason="Locked", message="busy", error_class="transient")
            stage.log.info("line %d", n)

    assert pod.run(main) == 3
    sent = [item["path"] for body in [*gateway.reports, gateway.completions[-1]] for item in body.get("itemErrors", [])]
    lines = [line["message"] for body in gateway.reports for line in body.get("log", [])]
    assert sent == [f"f{n}" for n in range(250)]
    assert lines == [f"line {n}" for n in range(250)]
    assert gateway.completions[-1]["itemErrorCount"] == 250


def test_lines_beyond_the_bound_are_counted(gateway, make_pod):
    def main(stage):
        gateway.down()
        for n in range(1500):
            stage.log.info("line %d", n)
        gateway.up()

    assert make_pod().run(main) == 0
    lines = [line["message"] for body in gateway.reports for line in body.get("log", [])]
    dropped = [int(line.split()[0]) for line in lines if line.endswith("earlier log lines were dropped")]
    kept = [line for line in lines if line.startswith("line ")]
    assert kept[-1] == "line 1499"
    assert sum(dropped) >= 1
    assert len(kept) + sum(dropped) == 1500


def test_the_workspace_keeps_all_item_errors(gateway, make_pod, workspace):
    def main(stage):
        stage.item_error("a", reason="Locked")
        stage.item_error("b", reason="Locked")

    assert make_pod(workspace=workspace).run(main) == 3
    lines = (workspace / ".asynctask" / "r1-content-items.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a", "b"]


@pytest.mark.parametrize(("field", "part"), [("progress.itemsDone", "progress"), ("checkpoint", "checkpoint")])
def test_the_part_that_the_gateway_does_not_take_is_dropped(gateway, pod, caplog, field, part):
    def main(stage):
        gateway.fail(1, 400, "InvalidReport", field=field, path="report")
        stage.save({"n": 1})
        stage.progress(items_done=1)
        stage.log.info("hello")
        gateway.wait_for(lambda seen: any("log" in report for report in seen.reports))

    assert pod.run(main) == 0
    first = next(report for report in gateway.reports if "log" in report)
    assert part not in first
    assert {"progress", "checkpoint"} - {part} <= first.keys() or part == "checkpoint"
    assert "did not take a report" in caplog.text


def test_one_bad_entry_of_a_list_is_dropped_alone(gateway, pod):
    def main(stage):
        gateway.fail(1, 400, "InvalidReport", field="itemErrors[1].path", path="report")
        gateway.down()
        for name in "abc":
            stage.item_error(name, reason="Locked")
        gateway.up()
        gateway.wait_for(lambda seen: any("itemErrors" in report for report in seen.reports))

    assert pod.run(main) == 3
    sent = [item["path"] for report in gateway.reports for item in report.get("itemErrors", [])]
    assert sent == ["a", "c"]


def test_a_gateway_that_takes_nothing_does_not_end_the_work(gateway, pod):
    gateway.fail(1000, 400, "InvalidReport", path="report")

    def main(stage):
        stage.save({"n": 1})
        gateway.wait_for(lambda seen: seen.calls > 10)

    assert pod.run(main) == 0
    assert gateway.completions[-1]["outcome"] == "succeeded"


def test_too_large_sends_less(gateway, pod):
    def main(stage):
        gateway.down()
        for n in range(PER_CALL):
            stage.log.info("line %d", n)
        gateway.fail(1, 413, "TooLarge", path="report")
        gateway.up()

    assert pod.run(main) == 0
    batches = [[line["message"] for line in report["log"]] for report in gateway.reports if "log" in report]
    assert [line for batch in batches for line in batch] == [f"line {n}" for n in range(PER_CALL)]
    assert len(batches[0]) < PER_CALL


def test_an_ending_that_the_gateway_does_not_take_is_mended(gateway, pod):
    gateway.fail(1, 400, "InvalidReport", field="outputs.entries", path="complete")
    assert pod.run(lambda stage: {"entries": 3}) == 0
    assert "outputs" not in gateway.completions[-1]
    assert pod.termination["outputs"] == {"entries": 3}


@pytest.mark.parametrize("value", ["5", {"a": 1}])
def test_an_answer_that_makes_no_sense_does_not_end_the_work(gateway, pod, value):
    gateway.rate(None)

    def main(stage):
        gateway.rate(value)
        before = gateway.calls
        gateway.wait_for(lambda seen: seen.calls >= before + 3)
        gateway.rate(None)

    assert pod.run(main) == 0
