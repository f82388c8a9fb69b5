"""Pods that do not go, do not come back, or may not be made: the operator helps itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.estate import Estate, check, condition, job
from support.kubelet import Script
from support.operators import OperatorProcess

QUICK = {"terminationGracePeriodSeconds": 1}
HANGS = Script(runs=3600)


@pytest.fixture(scope="module")
def operator(new_operator: Callable[..., OperatorProcess]) -> Iterator[OperatorProcess]:
    """Less patient than by default."""
    with new_operator(lingering_pod_seconds=1, replacement_seconds=3) as operator:
        yield operator


def say_complete(estate: Estate, name: str, **completion: Any) -> None:
    """What the gateway writes when a stage reports its end."""
    (stage,) = estate.stages_of(name)
    now = estate.api.get("/api/v1/namespaces/default")["metadata"]["creationTimestamp"]
    body = {"status": {"completion": {"attempt": 1, "time": now, **completion}}}
    estate.api.merge(estate.path("stages", stage["metadata"]["name"]) + "/status", body)


def test_a_pod_that_hangs_after_its_report_of_success_is_stopped(estate: Estate, operator: OperatorProcess) -> None:
    name = "hangs-at-its-end"
    estate.kubelet.plays(name, "copy", HANGS)
    estate.submit(job("copy", job=QUICK), name=name)
    estate.until_running(name, "copy")
    say_complete(estate, name, outcome="succeeded")
    uid = estate.until(name, "True Succeeded")["metadata"]["uid"]
    estate.api.until_all(
        f"/api/v1/namespaces/{estate.namespace}/pods?labelSelector=asynctask.io%2Ftask-uid%3D{uid}",
        lambda pods: not pods, within=20, why="its pod is stopped",
    )  # fmt: skip
    estate.api.until_all(
        f"/apis/events.k8s.io/v1/namespaces/{estate.namespace}/events",
        lambda events: [e["regarding"]["name"] for e in events.values() if e["reason"] == "PodLingered"] == [name],
        within=10, why="it is told",
    )  # fmt: skip


def test_a_pod_that_hangs_after_its_report_of_a_failure_holds_up_no_attempt(
    estate: Estate, operator: OperatorProcess
) -> None:
    name = "hangs-after-a-failure"
    estate.kubelet.plays(name, "copy", HANGS, Script())
    estate.submit(job("copy", job=QUICK), name=name, retry={"backoffSeconds": 1})
    estate.until_running(name, "copy")
    say_complete(estate, name, outcome="failed", **{"class": "transient"})
    estate.until(name, "True Succeeded")
    assert [life.attempt for life in estate.kubelet.lives_of(name)] == [1, 2]
    check(estate.kubelet.lives_of(name))


def test_an_evicted_pod_is_followed_by_another_attempt_and_none_counts(
    estate: Estate, operator: OperatorProcess
) -> None:
    name = "evicted-often"
    estate.kubelet.plays(name, "copy", HANGS, HANGS, HANGS, Script())
    estate.submit(job("copy", job=QUICK), name=name, retry={"maxAttempts": 1})
    pods = f"/api/v1/namespaces/{estate.namespace}/pods?labelSelector=asynctask.io%2Fstage%3Dcopy"
    for number in (1, 2, 3):
        found: list[str] = []

        def runs(known: dict[str, Any], number: int = number, found: list[str] = found) -> bool:
            mine = [p for p in known.values() if p["metadata"]["annotations"].get("asynctask.io/task") == name]
            found[:] = [p["metadata"]["name"] for p in mine if p.get("status", {}).get("phase") == "Running"
                        and not p["metadata"].get("deletionTimestamp")]  # fmt: skip
            return bool(found) and len(estate.kubelet.lives_of(name)) == number

        estate.api.until_all(pods, runs, within=20, why=f"pod {number} runs")
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": found[0]}}
        estate.api.call("POST", f"/api/v1/namespaces/{estate.namespace}/pods/{found[0]}/eviction", body)
    estate.until(name, "True Succeeded")
    check(estate.kubelet.lives_of(name))
    (stage,) = estate.stages_of(name)
    assert stage["status"].get("failures", 0) == 0
    assert [life.attempt for life in estate.kubelet.lives_of(name)] == [1, 2, 3, 4]


@contextmanager
def quota(estate: Estate, counted: str) -> Iterator[None]:
    """No room for any more of these while it lasts."""
    quotas = f"/api/v1/namespaces/{estate.namespace}/resourcequotas"
    hard = {"hard": {counted: "0"}}
    estate.api.call("POST", quotas, {"metadata": {"name": "none"}, "spec": hard})
    estate.api.merge(f"{quotas}/none/status", {"status": {**hard, "used": {counted: "0"}}})
    try:
        yield
    finally:
        estate.api.call("DELETE", f"{quotas}/none")


def test_a_quota_is_told_in_the_server_s_words_until_it_has_room(estate: Estate, operator: OperatorProcess) -> None:
    with quota(estate, "count/jobs.batch"):
        name = estate.submit(job("copy"), name="over-quota")
        task = estate.until(name, "Unknown QuotaExceeded")
        assert "exceeded quota: none" in task["status"]["message"]
        assert condition(task, "Progressing") == "True QuotaExceeded"
    estate.until(name, "True Succeeded", within=70)


def test_a_quota_for_pods_is_told_in_the_job_controller_s_words(estate: Estate, operator: OperatorProcess) -> None:
    with quota(estate, "pods"):
        name = estate.submit(job("copy"), name="no-pods")
        task = estate.until(name, "Unknown QuotaExceeded", within=40)
        assert "no pod yet: Error creating: pods" in task["status"]["message"]
