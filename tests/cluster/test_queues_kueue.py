"""Handing over to Kueue, whose part is acted: it starts what it admits and stops what is made inactive."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.api import Object, Refused
from support.estate import Body, Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess

from asynctask.api.names import API_VERSION

MANIFESTS = Path(__file__).parents[2] / "docs" / "how-to" / "manifests"
GROUP = "kueue.x-k8s.io"
WORKLOADS: Body = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"workloads.{GROUP}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test's"}},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "workloads", "singular": "workload", "kind": "Workload", "listKind": "WorkloadList"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


class Kueue:
    """What Kueue does with the Jobs that carry its label, one move at a time."""

    def __init__(self, estate: Estate) -> None:
        self._estate, self._api = estate, estate.api
        self._workloads = f"/apis/{GROUP}/v1beta1/namespaces/{estate.namespace}/workloads"
        self._jobs = f"/apis/batch/v1/namespaces/{estate.namespace}/jobs"

    def until_handed(self, task: str) -> Object:
        """The task's Job, once it is there."""
        selector = f"{self._jobs}?labelSelector={GROUP.replace('/', '%2F')}%2Fqueue-name%3Dnas"

        def handed(jobs: object) -> bool:
            return any(each["metadata"]["annotations"]["asynctask.io/task"] == task for each in jobs.values())  # type: ignore[attr-defined]

        found = self._api.until_all(selector, handed, within=20, why=f"a Job of {task} for Kueue")
        return next(each for each in found.values() if each["metadata"]["annotations"]["asynctask.io/task"] == task)

    def queue(self, job_made: Object) -> str:
        """Make the Workload of a Job; returns its name."""
        name = f"job-{job_made['metadata']['name']}"[:60]
        labels = {f"{GROUP}/job-uid": job_made["metadata"]["uid"]}
        body = {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "Workload",
            "metadata": {"name": name, "labels": labels},
            "spec": {"active": True},
        }
        self._api.call("POST", self._workloads, body)
        return name

    def admit(self, job_made: Object) -> None:
        """Let the Job start."""
        self._api.merge(f"{self._jobs}/{job_made['metadata']['name']}", {"spec": {"suspend": False}})

    def stop(self, job_made: Object) -> None:
        """Stop it: its Workload is inactive, or another one needs its room."""
        self._api.merge(f"{self._jobs}/{job_made['metadata']['name']}", {"spec": {"suspend": True}})

    def until_active(self, workload: str, active: bool) -> None:
        """Return once its Workload is, or is not, active."""
        path = f"{self._workloads}/{workload}"
        self._api.until(path, lambda found: found["spec"]["active"] is active, within=20, why=f"active: {active}")


@pytest.fixture(scope="module")
def kueue(estate: Estate) -> Iterator[Kueue]:
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    estate.api.call("POST", crds, WORKLOADS)
    estate.api.until(
        f"{crds}/workloads.{GROUP}",
        lambda crd: any(
            c["type"] == "Established" and c["status"] == "True" for c in crd["status"]["conditions"] or ()
        ),
        within=20,
        why="Workloads are served",
    )
    body = yaml.safe_load((MANIFESTS / "queue-kueue.yaml").read_text())
    estate.api.call("POST", f"/apis/{API_VERSION}/taskqueues", body)
    yield Kueue(estate)
    estate.api.call("DELETE", f"/apis/{API_VERSION}/taskqueues/shared")
    estate.api.call("DELETE", f"{crds}/workloads.{GROUP}")


def test_a_task_runs_when_kueue_lets_it_and_is_paused_by_its_workload(
    estate: Estate, operator: OperatorProcess, kueue: Kueue
) -> None:
    estate.kubelet.plays("shared-one", "copy", Script(runs=300))
    estate.submit(job("copy"), name="shared-one", queueName="shared")
    made = kueue.until_handed("shared-one")
    assert made["spec"]["suspend"] is True
    task = estate.until_holds("shared-one", lambda task: task["status"].get("waiting"))
    assert task["status"]["waiting"]["reason"] == "WaitingForKueue"
    workload = kueue.queue(made)
    kueue.admit(made)
    estate.until_running("shared-one", "copy")

    estate.change("shared-one", suspend=True)
    kueue.until_active(workload, active=False)
    kueue.stop(made)
    estate.until_condition("shared-one", "Paused", "True Suspended")

    estate.change("shared-one", suspend=False)
    kueue.until_active(workload, active=True)
    estate.until_holds("shared-one", lambda task: task["status"]["phase"] == "Queued")
    kueue.admit(made)
    estate.until_running("shared-one", "copy")

    kueue.stop(made)  # for another's sake
    task = estate.until_holds("shared-one", lambda task: task["status"]["phase"] == "Queued")
    assert task["status"]["waiting"]["reason"] == "WaitingForKueue"
    kueue.admit(made)
    estate.until_running("shared-one", "copy")

    estate.change("shared-one", cancel=True)
    kueue.until_active(workload, active=False)
    kueue.stop(made)
    estate.until("shared-one", "False Cancelled")
    check(estate.kubelet.lives_of("shared-one"))
    assert len(estate.kubelet.lives_of("shared-one")) == 3


def test_counts_beside_kueue_s_are_refused(estate: Estate, kueue: Kueue) -> None:
    with pytest.raises(Refused, match="kueueLocalQueue"):
        estate.api.merge(f"/apis/{API_VERSION}/taskqueues/shared", {"spec": {"maxRunning": 3}})


def test_the_queue_of_the_guide_says_what_it_lacks_and_runs_tasks(estate: Estate, operator: OperatorProcess) -> None:
    path = f"/apis/{API_VERSION}/taskqueues"
    estate.api.call("POST", path, yaml.safe_load((MANIFESTS / "queue-nas.yaml").read_text()))
    try:
        estate.submit(job("copy"), name="guided", queueName="nas")
        estate.until("guided", "True Succeeded")
        found = estate.api.until(f"{path}/nas", lambda queue: len(_said(queue)) > 1, within=20, why="both conditions")
        said = _said(found)
        assert said["Admitting"][0] == "True"
        assert said["MetricsAvailable"][0] == "False"
        assert "install metrics-server" in said["MetricsAvailable"][1]
    finally:
        estate.api.call("DELETE", f"{path}/nas")


def _said(queue: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = queue.get("status", {}).get("conditions", ())
    return {each["type"]: (each["status"], each["message"]) for each in found}
