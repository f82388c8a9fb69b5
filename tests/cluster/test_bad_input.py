"""What is wrong with a task is told where its author looks, and harms nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.api import Refused
from support.estate import Estate, condition, job
from support.kubelet import Script
from support.operators import OperatorProcess

from asynctask.api.names import API_VERSION

SCHEMA = {
    "type": "object",
    "required": ["source"],
    "properties": {"source": {"type": "string"}, "workers": {"type": "integer", "minimum": 1}},
}


def make(estate: Estate, kind: str, plural: str, name: str, spec: dict[str, Any], *, namespaced: bool = False) -> str:
    path = estate.path(plural) if namespaced else f"/apis/{API_VERSION}/{plural}"
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    estate.api.call("POST", path, body)
    return f"{path}/{name}"


@pytest.fixture(scope="module")
def backup(estate: Estate) -> Iterator[str]:
    """A TaskType with a schema and a location, and an endpoint for it."""
    name = f"backup-{estate.namespace}"
    spec = {"configSchema": SCHEMA, "locations": [{"field": "source"}], "stages": [job("copy")]}
    path = make(estate, "TaskType", "tasktypes", name, spec)
    endpoint = {"path": "/nas/photos", "volume": {"claimName": "photos"}}
    make(estate, "StorageEndpoint", "storageendpoints", "photos", endpoint, namespaced=True)
    yield name
    estate.api.call("DELETE", path)


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown type": ({"type": "no-such-type"}, "UnknownType", "spec.type"),
    "missing config": ({"config": {}}, "InvalidConfig", "spec.config.source"),
    "wrong config": ({"config": {"source": "/nas/photos", "workers": 0}}, "InvalidConfig", "spec.config.workers"),
    "outside every endpoint": ({"config": {"source": "/etc"}}, "EndpointNotFound", "spec.config.source"),
    "dots": ({"config": {"source": "/nas/photos/../x"}}, "InvalidLocation", "spec.config.source"),
    "missing endpoint": ({"config": {"source": "cloud:bucket"}}, "EndpointNotFound", "spec.config.source"),
    "unknown queue": (
        {"config": {"source": "/nas/photos"}, "queueName": "no-such-queue"}, "UnknownQueue", "spec.queueName"),
    "a megabyte of config": ({"config": {"source": "x" * 1_000_000}}, "ConfigTooLarge", "spec.config"),
    "cycle in needs": (
        {"stages": [job("a", needs=["b"]), job("b", needs=["a"])]}, "CycleInNeeds", "spec.stages[0].needs"),
    "no expression": ({"stages": [job("a", when="1 +")]}, "InvalidExpression", "spec.stages[0].when"),
    "pod override": (
        {"stages": [job("a", job={"podOverride": {"hostNetwork": True}})]}, "InvalidPodOverride",
        "spec.stages[0].job.podOverride"),
    "data owner": (
        {"stages": [job("a", job={"securityProfile": "DataOwner"})]}, "ProfileNotAllowed",
        "spec.stages[0].job.securityProfile"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_a_readable_reason(estate: Estate, operator: OperatorProcess, backup: str, what: str) -> None:
    spec, reason, path = BAD[what]
    if "stages" not in spec:
        spec = {"type": backup, **spec}
    good = estate.submit(job("copy"))
    name = estate.submit(name=f"bad-{what.replace(' ', '-')}", **spec)
    task = estate.until_condition(name, "Admitted", f"False {reason}")
    assert task["status"]["phase"] == "Invalid"
    assert path in task["status"]["message"]
    assert len(task["status"]["message"]) <= 1024
    estate.until(good, "True Succeeded")
    assert not estate.kubelet.lives_of(name)


@pytest.mark.parametrize("priority", [0, 9, "high"])
def test_a_priority_out_of_range_is_refused(estate: Estate, priority: object) -> None:
    with pytest.raises(Refused) as refusal:
        estate.submit(job("copy"), priority=priority)
    assert refusal.value.status in {400, 422}


def test_a_type_that_comes_later_lets_the_task_go_on(estate: Estate, operator: OperatorProcess) -> None:
    kind = f"late-{estate.namespace}"
    name = estate.submit(type=kind)
    estate.until_condition(name, "Admitted", "False UnknownType")
    path = make(estate, "TaskType", "tasktypes", kind, {"stages": [job("copy")]})
    try:
        estate.until(name, "True Succeeded")
    finally:
        estate.api.call("DELETE", path)


def test_a_task_may_have_the_longest_name(estate: Estate, operator: OperatorProcess) -> None:
    name = "n" * 253
    estate.submit(job("s" * 30), name=name)
    estate.until(name, "True Succeeded")


RUBBISH = {
    "binary": "\x00\x1b[31m\ufffd" * 50,
    "json-rubbish": '{"outcome":"failed","reason":"not a reason","outputs":{"a":99999999999999999999999}}',
    "deep": '{"outcome":"succeeded","outputs":' + '{"a":' * 400 + "1" + "}" * 401,
    "huge-count": '{"outcome":"partial","itemErrorCount":123456789012345678901234567890}',
    "long": "x" * 4000 + " the reason",
}


@pytest.mark.parametrize("what", RUBBISH)
def test_a_last_message_full_of_rubbish_is_an_end_like_others(
    estate: Estate, operator: OperatorProcess, what: str
) -> None:
    name = f"rubbish-{what}"
    estate.kubelet.plays(name, "copy", Script(exit_code=65, message=RUBBISH[what]))
    estate.submit(job("copy"), name=name, retry={"maxAttempts": 1})
    estate.until_holds(name, lambda task: condition(task, "Succeeded").startswith(("False", "True")), why="it ends")


@pytest.mark.parametrize(
    ("what", "spec"),
    {
        "override": {"podOverride": {"affinity": "nonsense"}},
        "limits": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}},
        "selector": {"nodeSelector": {"a": "not a label value"}},
    }.items(),
)
def test_a_pod_that_the_server_refuses_is_told_in_its_words(
    estate: Estate, operator: OperatorProcess, what: str, spec: dict[str, Any]
) -> None:
    name = estate.submit(job("copy", job=spec), name=f"refused-{what}")
    task = estate.until(name, "False PodRefused")
    assert len(task["status"]["message"]) > 20


def test_an_endpoint_over_the_pod_s_own_folders_is_told(estate: Estate, operator: OperatorProcess) -> None:
    make(estate, "StorageEndpoint", "storageendpoints", "tmp", {"path": "/tmp", "volume": {"claimName": "x"}}, namespaced=True)  # fmt: skip
    name = estate.submit(job("copy"), locations=[{"field": "source"}], config={"source": "/tmp/x"})
    task = estate.until(name, "Unknown InvalidLocation")
    assert "/tmp" in task["status"]["message"]
