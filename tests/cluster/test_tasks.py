"""Tasks from submission to their end, on a real API server."""

import signal
from typing import Any

from support.estate import Estate, condition, job
from support.kubelet import Script
from support.operators import OperatorProcess

from localcluster import Cluster


def test_one_stage(estate: Estate, operator: OperatorProcess) -> None:
    task = estate.until(estate.submit(job("copy")), "True Succeeded")
    assert task["status"]["phase"] == "Succeeded"
    assert task["status"]["display"]["progress"] == "100%"
    assert [line["phase"] for line in task["status"]["stages"]] == ["Succeeded"]


def test_two_stages_one_after_the_other(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(job("scan"), job("copy"))
    estate.until(name, "True Succeeded")
    scan, copy = estate.kubelet.lives_of(name)
    assert (scan.stage, copy.stage) == ("scan", "copy")
    assert scan.ended is not None
    assert scan.ended <= copy.begun


def test_a_failed_attempt_is_tried_again(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(job("copy"), name="again", retry={"backoffSeconds": 1})
    estate.kubelet.plays(name, "copy", Script(exit_code=75, message="no route"), Script())
    estate.until(name, "True Succeeded")
    (stage,) = estate.stages_of(name)
    assert (stage["status"]["attempt"], stage["status"]["lastError"]["message"]) == (2, "exit code 75: no route")
    assert [life.attempt for life in estate.kubelet.lives_of(name)] == [1, 2]


def test_a_permanent_error_is_the_end(estate: Estate, operator: OperatorProcess) -> None:
    name = "broken"
    estate.kubelet.plays(name, "copy", Script(exit_code=65, message="no such share"))
    task = estate.until(estate.submit(job("copy"), job("verify"), name=name), "False PermanentError")
    assert task["status"]["message"] == "stage copy: exit code 65: no such share"
    assert len(estate.kubelet.lives_of(name)) == 1


def test_outputs_steer_later_stages(estate: Estate, operator: OperatorProcess) -> None:
    name = "steered"
    estate.kubelet.plays(name, "scan", Script(message='{"outcome":"succeeded","outputs":{"changed":0}}'))
    estate.submit(job("scan"), job("copy", when="outputs.scan.changed > 0"), name=name)
    task = estate.until(name, "True Succeeded")
    assert [line["phase"] for line in task["status"]["stages"]] == ["Succeeded", "Skipped"]


def test_stages_side_by_side(estate: Estate, operator: OperatorProcess) -> None:
    name = "fork"
    estate.kubelet.plays(name, "", Script(runs=1))
    estate.submit(job("left", needs=[]), job("right", needs=[]), job("join", needs=["left", "right"]), name=name)
    estate.until(name, "True Succeeded")
    left, right, join = sorted(estate.kubelet.lives_of(name), key=lambda life: (life.stage == "join", life.stage))
    assert left.ended is not None
    assert right.ended is not None
    assert max(left.begun, right.begun) < min(left.ended, right.ended)
    assert join.begun >= max(left.ended, right.ended)


def test_pause_and_resume(estate: Estate, operator: OperatorProcess) -> None:
    name = "pausing"
    estate.kubelet.plays(name, "copy", Script(runs=60, stopping=0.3), Script())
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    estate.change(name, suspend=True)
    estate.until_condition(name, "Paused", "True Suspended")
    assert all(life.ended for life in estate.kubelet.lives_of(name))
    estate.change(name, suspend=False)
    task = estate.until(name, "True Succeeded")
    assert condition(task, "Paused").startswith("False")
    assert [life.exit_code for life in estate.kubelet.lives_of(name)] == [143, 0]
    assert estate.stages_of(name)[0]["status"].get("attempt", 1) == 1


def test_a_resume_while_the_stopped_pod_is_not_yet_gone_goes_on_in_the_same_job(
    estate: Estate, operator: OperatorProcess
) -> None:
    """A busy Job controller takes seconds to let go of a pod that has ended."""
    name = estate.submit(job("copy"), name="resumed-early")
    estate.kubelet.plays(name, "copy", Script(runs=60), Script())
    estate.until_running(name, "copy")
    (pod,) = estate.pods_of(name)
    path = f"/api/v1/namespaces/{estate.namespace}/pods/{pod['metadata']['name']}"
    held = [*pod["metadata"].get("finalizers", ()), "example.com/held"]
    estate.api.merge(path, {"metadata": {"finalizers": held}})
    estate.change(name, suspend=True)
    estate.until_holds(name, lambda task: task["status"].get("phase") == "Paused")
    estate.change(name, suspend=False)
    estate.until_holds(name, lambda task: task["status"].get("phase") == "Running")
    estate.api.merge(path, {"metadata": {"finalizers": None}})
    estate.until(name, "True Succeeded")
    (stage,) = estate.stages_of(name)
    assert (stage["status"].get("attempt", 1), stage["status"].get("failures", 0)) == (1, 0)
    assert [life.attempt for life in estate.kubelet.lives_of(name)] == [1, 1]


def test_a_stage_that_ends_before_its_pod_is_deleted_goes_on_after_the_pause_and_has_not_failed(
    cluster: Cluster, estate: Estate, operator: OperatorProcess
) -> None:
    """The gateway tells it to stop as well, and it may be quicker than the Job controller, for which it has failed."""
    name = "obedient"
    estate.kubelet.plays(name, "copy", Script(runs=5, exit_code=143, message='{"outcome":"stopped"}'), Script())
    estate.submit(job("copy"), name=name, retry={"maxAttempts": 1})
    estate.until_running(name, "copy")
    cluster.kill("kube-controller-manager", signal.SIGSTOP)
    try:
        estate.change(name, suspend=True)
        estate.until_pods_of(name, lambda pod: pod["status"]["phase"] == "Failed")
    finally:
        cluster.kill("kube-controller-manager", signal.SIGCONT)
    estate.until_condition(name, "Paused", "True Suspended")
    jobs = f"/apis/batch/v1/namespaces/{estate.namespace}/jobs"
    estate.api.until_all(jobs, lambda jobs: any(failed(name, job) for job in jobs.values()), within=20, why="it failed")
    estate.change(name, suspend=False)
    estate.until(name, "True Succeeded")
    (stage,) = estate.stages_of(name)
    assert (stage["status"]["attempt"], stage["status"].get("failures", 0)) == (2, 0)


def failed(task: str, job: dict[str, Any]) -> bool:
    """Whether the Job controller holds a Job of the task for failed."""
    conditions = job.get("status", {}).get("conditions", ())
    return job["metadata"]["name"].startswith(f"{task}-") and "Failed" in {each["type"] for each in conditions}


def test_cancel(estate: Estate, operator: OperatorProcess) -> None:
    name = "cancelling"
    estate.kubelet.plays(name, "copy", Script(runs=60))
    estate.submit(job("copy"), job("verify"), name=name)
    estate.until_running(name, "copy")
    estate.change(name, cancel=True)
    estate.until(name, "False Cancelled")
    (life,) = estate.kubelet.lives_of(name)
    assert life.ended is not None


def test_run_again(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(job("scan"), job("copy"))
    estate.until(name, "True Succeeded")
    estate.change(name, run=2)
    task = estate.until_holds(
        name, lambda t: t["status"].get("run") == 2 and condition(t, "Succeeded") == "True Succeeded"
    )
    assert [(line["run"], line["phase"]) for line in task["status"]["runs"]] == [(1, "Succeeded")]
    assert [life.run for life in estate.kubelet.lives_of(name)] == [1, 1, 2, 2]


def test_run_again_while_it_runs(estate: Estate, operator: OperatorProcess) -> None:
    name = "hasty"
    estate.kubelet.plays(name, "copy", Script(runs=60, stopping=0.5), Script())
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    estate.change(name, run=2)
    estate.until(name, "True Succeeded")
    first, second = estate.kubelet.lives_of(name)
    assert first.ended is not None
    assert first.ended <= second.begun


def test_restart_from_a_stage_keeps_the_results_before_it(estate: Estate, operator: OperatorProcess) -> None:
    name = "restarted"
    estate.kubelet.plays(name, "copy", Script(exit_code=65), Script())
    estate.submit(job("scan"), job("copy"), name=name)
    estate.until(name, "False PermanentError")
    estate.change(name, run=2, restartFrom="copy")
    estate.until(name, "True Succeeded")
    assert [life.run for life in estate.kubelet.lives_of(name, "scan")] == [1]
    assert [life.run for life in estate.kubelet.lives_of(name, "copy")] == [1, 2]


def test_an_approval_is_given_through_the_status(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(job("scan"), {"name": "check", "approval": {}}, job("delete"))
    task = estate.until(name, "Unknown WaitingForApproval")
    (gate,) = [stage for stage in estate.stages_of(name) if stage["spec"]["template"]["name"] == "check"]
    assert gate["metadata"]["name"] in task["status"]["message"]
    review = {"status": {"review": {"decision": "Approved", "by": "ada"}}}
    estate.api.merge(estate.path("stages", gate["metadata"]["name"]) + "/status", review)
    estate.until(name, "True Succeeded")
    assert len(estate.kubelet.lives_of(name, "delete")) == 1


def test_a_rejection_is_the_end(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit({"name": "check", "approval": {}}, job("delete"))
    estate.until(name, "Unknown WaitingForApproval")
    (gate,) = estate.stages_of(name)
    review = {"status": {"review": {"decision": "Rejected", "by": "ada", "message": "wrong share"}}}
    estate.api.merge(estate.path("stages", gate["metadata"]["name"]) + "/status", review)
    task = estate.until(name, "False Rejected")
    assert "rejected by ada: wrong share" in task["status"]["message"]
    assert not estate.kubelet.lives_of(name)


def test_a_task_waits_for_another(estate: Estate, operator: OperatorProcess) -> None:
    after = estate.submit(job("copy"), name="afterwards", dependsOn=[{"name": "before"}])
    estate.until(after, "Unknown DependencyMissing")
    estate.submit(job("copy"), name="before")
    estate.until(after, "True Succeeded")
    (first,), (second,) = estate.kubelet.lives_of("before"), estate.kubelet.lives_of(after)
    assert first.begun < second.begun


def test_an_image_that_can_t_be_pulled_is_told_at_once(estate: Estate, operator: OperatorProcess) -> None:
    name = "imageless"
    estate.kubelet.plays(name, "copy", Script(waiting="ImagePullBackOff"))
    estate.submit(job("copy"), name=name)
    task = estate.until(name, "Unknown ImagePullFailed")
    assert "the registry said no" in task["status"]["message"]
    estate.change(name, cancel=True)
    estate.until(name, "False Cancelled")
