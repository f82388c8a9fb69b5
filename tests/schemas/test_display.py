"""What kubectl makes of our kinds: columns, explanations, applying, selecting."""

import subprocess
from pathlib import Path

import pytest
from support import samples
from support.api import Api, Refused

from asynctask.api.kinds import KINDS, Kind
from asynctask.crdgen.definition import definition
from localcluster import tool


class Kubectl:
    def __init__(self, kubeconfig: Path, namespace: str, cache: Path) -> None:
        # a cache of its own: kubectl would take the kinds of an earlier cluster at the same address for this one's
        self.command = [str(tool("kubectl")), f"--kubeconfig={kubeconfig}", f"--namespace={namespace}"]
        self.command.append(f"--cache-dir={cache}")

    def __call__(self, *arguments: str) -> str:
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(kubeconfig, api.namespace, tmp_path_factory.mktemp("kubectl"))


def test_a_tasks_columns(kubectl: Kubectl, api: Api) -> None:
    made = api.create(samples.named(samples.task(queueName="bulk"), "columns"))
    status = {
        "phase": "Running",
        "stage": "copy",
        "priority": 2,
        "message": "copying",
        "display": {"progress": "43%", "speed": "118 MB/s", "remaining": "12m"},
    }
    api.patch(made, {"status": status}, subresource="/status")
    heading, row = kubectl("get", "at", "columns").splitlines()
    assert heading.split() == ["NAME", "PHASE", "STAGE", "PROGRESS", "PRIORITY", "QUEUE", "AGE"]
    assert row.split()[:6] == ["columns", "Running", "copy", "43%", "2", "bulk"]
    wide = kubectl("get", "at", "columns", "--output=wide").splitlines()
    assert wide[0].split()[-3:] == ["SPEED", "ETA", "MESSAGE"]
    assert "118 MB/s" in wide[1]


def test_every_short_name_and_the_category_work(kubectl: Kubectl, api: Api) -> None:
    api.create(samples.named(samples.volume_endpoint(), "photos"))
    for kind in KINDS:
        kubectl("get", *kind.short_names)
    assert "photos" in kubectl("get", "asynctask-all", "--output=name")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_answers_to_its_own_name(kubectl: Kubectl, kind: Kind) -> None:
    # A category of the same name would win, and `kubectl get asynctask NAME` would fail.
    assert "only one resource" not in kubectl("get", kind.name.lower(), "any", "--ignore-not-found")


def test_waiting_for_a_condition_works(kubectl: Kubectl, api: Api) -> None:
    made = api.create(samples.task())
    condition = {"type": "Succeeded", "status": "True", "reason": "Succeeded", "observedGeneration": 1}
    api.patch(made, {"status": {"conditions": [condition]}}, subresource="/status")
    kubectl("wait", "--for=condition=Succeeded", "--timeout=5s", f"at/{made['metadata']['name']}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_is_explained(kubectl: Kubectl, kind: Kind) -> None:
    explained = kubectl("explain", f"{kind.plural}.asynctask.io", "--recursive")
    assert (kind.model.__doc__ or "").split()[0] in explained
    assert "<no description>" not in kubectl("explain", f"{kind.plural}.asynctask.io.spec")


def test_explaining_a_field_deep_down(kubectl: Kubectl) -> None:
    explained = kubectl("explain", "asynctasks.spec.stages.job.checkpointPeriodSeconds")
    assert "at most this much work is" in explained


def test_two_appliers_own_a_stage_each(api: Api) -> None:
    body = samples.named(samples.task_type(stages=[samples.JOB_STAGE]), "two-appliers")
    api.apply(body, "first")
    second = {**body, "spec": {"stages": [samples.WAIT_STAGE]}}
    merged = api.apply(second, "second")
    assert [stage["name"] for stage in merged["spec"]["stages"]] == ["copy", "pause"]
    conflicting = {**body, "spec": {"stages": [{"name": "copy", "job": {"image": "other"}}]}}
    with pytest.raises(Refused, match="conflict"):
        api.apply(conflicting, "second")
    api.delete(body)


def test_applying_a_task_again_changes_nothing(api: Api) -> None:
    body = samples.named(samples.task(config={"a": 1}), "applied")
    api.apply(body, "someone")
    second = api.apply(body, "someone")  # the first write after the creation also stores the first status
    assert api.apply(body, "someone")["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert second["metadata"]["generation"] == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.selectable], ids=lambda kind: kind.name)
def test_the_variant_with_selectable_fields_is_taken(api: Api, kind: Kind) -> None:
    document = definition(kind, selectable=True)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{document['metadata']['name']}"
    taken = api.call(
        "PATCH", f"{path}?fieldManager=test&force=true&dryRun=All", document, "application/apply-patch+yaml"
    )
    fields = taken["spec"]["versions"][0]["selectableFields"]
    assert [field["jsonPath"] for field in fields] == list(kind.selectable)
