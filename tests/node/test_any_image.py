"""Stages whose image knows nothing of us: what they exit with, what they leave, how they misbehave. All run at once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.nodeapi import Object
from support.nodetasks import TEST_IMAGE, Lab, Task, shell, summary

OUTPUTS = json.dumps({"outcome": "succeeded", "outputs": {"files": 3}})
PERMANENT = json.dumps(
    {"outcome": "failed", "class": "permanent", "reason": "WrongPassword", "message": "no such user"}
)
NONSENSE = """
import json, os, urllib.error, urllib.request
def say(call, body):
    url = os.environ["ASYNCTASK_GATEWAY_URL"] + "/stage/v1/" + call
    token = open(os.environ["ASYNCTASK_TOKEN_FILE"]).read()
    request = urllib.request.Request(url, body, {"Authorization": "Bearer " + token}, method="POST")
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
bodies = [b"", b"{", b"[]", b'{"sequence": -1}', b'{"sequence": 1, "progress": {"bytesDone": NaN}}',
          b'{"sequence": 1, "progress": {"bytesDone": -5}}', b'{"sequence": 1, "checkpoint": 7}',
          json.dumps({"sequence": 1, "checkpoint": {"x": "y" * 40000}}).encode(), b"\\xff" * 100]
heard = [say("report", body) for body in bodies] + [say("complete", b'{"sequence": 2, "outcome": "splendid"}')]
open("/dev/termination-log", "w").write(json.dumps({"outcome": "succeeded", "outputs": {"heard": sorted(set(heard))}}))
"""
LINE = "head -c 300000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 65"


@dataclass(frozen=True)
class Batch:
    """The tasks, submitted together."""

    tasks: dict[str, Task]

    def ended(self, name: str, within: float = 60) -> Object:
        return self.tasks[name].ending(within=within)

    def stage(self, name: str, stage: str = "s1") -> Object:
        return self.tasks[name].stage(stage)["status"]


@pytest.fixture(scope="module")
def batch(lab: Lab) -> Iterator[Batch]:
    def python(text: str) -> Object:
        return {"name": "s1", "job": {"image": TEST_IMAGE, "command": ["python3", "-c", text]}}

    image = {"name": "s1", "job": {"image": "asynctask/there-is-no-such:1", "imagePullPolicy": "Never"}}
    nowhere = {"name": "s1", "job": shell("true", nodeSelector={"disk": "none-has-this"})}
    tasks = [
        lab.task("no-image", stages=[image]),
        lab.task("no-node", stages=[nowhere]),
        lab.task("silent", stages=[{"name": "s1", "job": {"image": TEST_IMAGE}}]),
        lab.shell("partly", "echo 2 of 7 files could not be read; exit 3"),
        lab.shell("refused", "echo the password is wrong; exit 65", "true"),
        lab.shell("in-words", f"echo '{PERMANENT}' > /dev/termination-log; exit 1"),
        lab.shell("again", "echo once more; exit 75", retry={"maxAttempts": 2, "backoffSeconds": 1}),
        lab.task(
            "gives",
            stages=[
                {"name": "count", "job": shell(f"echo '{OUTPUTS}' > /dev/termination-log")},
                {"name": "many", "needs": ["count"], "when": "outputs.count.files > 2", "job": shell("true")},
                {"name": "few", "needs": ["count"], "when": "outputs.count.files < 3", "job": shell("true")},
            ],
        ),
        lab.shell("locked-in", "id -u; touch /nope && exit 1; touch /tmp/yes && [ $(id -u) = 65532 ]"),
        lab.shell("long-line", LINE),
        lab.task("nonsense", stages=[python(NONSENSE)]),
        lab.shell("fills-tmp", "fallocate -l 1100M /tmp/big && sleep 300"),
    ]
    yield Batch({task.name: task for task in tasks})
    for task in tasks:
        task.delete()


def test_an_image_that_exits_0_succeeds(batch: Batch) -> None:
    assert batch.ended("silent")["status"]["phase"] == "Succeeded"


def test_exit_3_is_partly_done(batch: Batch) -> None:
    status = batch.ended("partly")["status"]
    assert status["phase"] == "Partial"
    assert "2 of 7 files could not be read" in batch.stage("partly")["message"]


def test_exit_65_is_not_tried_again_and_the_last_words_say_why(batch: Batch) -> None:
    status = batch.ended("refused")["status"]
    assert (status["phase"], summary(status)["reason"]) == ("Failed", "PermanentError")
    assert "the password is wrong" in status["message"]
    assert batch.stage("refused")["lastError"]["exitCode"] == 65
    assert [job["metadata"]["labels"]["asynctask.io/stage"] for job in batch.tasks["refused"].jobs()] == ["s1"]


def test_words_in_the_termination_message_outrank_the_exit_code(batch: Batch) -> None:
    assert batch.ended("in-words")["status"]["phase"] == "Failed"
    error = batch.stage("in-words")["lastError"]
    assert (error["class"], error["reason"], error["message"]) == ("permanent", "WrongPassword", "no such user")


def test_exit_75_is_tried_again_as_often_as_the_policy_says(batch: Batch) -> None:
    assert batch.ended("again")["status"]["phase"] == "Failed"
    assert summary(batch.stage("again"))["reason"] == "RetriesExhausted"
    assert "once more" in batch.stage("again")["message"]
    assert len(batch.tasks["again"].jobs()) == 2


def test_outputs_in_the_termination_message_decide_on_later_stages(batch: Batch) -> None:
    status = batch.ended("gives")["status"]
    assert status["phase"] == "Succeeded"
    assert {each["name"]: each["phase"] for each in status["stages"]} == {
        "count": "Succeeded",
        "many": "Succeeded",
        "few": "Skipped",
    }


def test_a_stage_can_write_to_nothing_but_its_scratch_space(batch: Batch) -> None:
    assert batch.ended("locked-in")["status"]["phase"] == "Succeeded"


def test_a_log_line_without_end_hurts_nobody(batch: Batch) -> None:
    status = batch.ended("long-line", within=120)["status"]
    assert status["phase"] == "Failed"
    assert status["message"].endswith("the end")
    assert len(status["message"]) <= 1024


def test_nonsense_to_the_gateway_is_refused_and_the_stage_ends_as_it_says_itself(batch: Batch) -> None:
    assert batch.ended("nonsense")["status"]["phase"] == "Succeeded"
    stage = batch.stage("nonsense")
    assert stage["outputs"] == {"heard": [400, 413]}
    assert "checkpoint" not in stage


def test_an_image_that_does_not_exist_is_named_at_once_and_fails_after_a_while(batch: Batch) -> None:
    task = batch.tasks["no-image"]
    task.until(
        lambda status: "there-is-no-such:1" in status.get("message", "") or status.get("phase") == "Failed",
        within=15,
        why="the image is named",
    )
    assert "there-is-no-such:1" in task.ending(within=60)["status"]["message"]
    assert summary(batch.stage("no-image"))["reason"] == "ImagePullFailed"


def test_a_pod_that_no_node_takes_says_so_at_once_and_fails_after_a_while(batch: Batch) -> None:
    task = batch.tasks["no-node"]
    task.until(lambda status: "no node takes the pod" in status.get("message", ""), within=15, why="it says so")
    assert "node affinity" in task.ending(within=60)["status"]["message"]
    assert summary(batch.stage("no-node"))["reason"] == "Unschedulable"


def test_a_stage_that_fills_its_scratch_space_is_not_tried_again(batch: Batch) -> None:
    status = batch.ended("fills-tmp", within=120)["status"]
    assert status["phase"] == "Failed"
    assert summary(batch.stage("fills-tmp"))["reason"] == "DiskLimitExceeded"
    assert "1Gi" in status["message"]
    assert len(batch.tasks["fills-tmp"].jobs()) == 1
