"""Everything that is wrong with a task, told before it is submitted."""

from typing import Any

from asynctask.api.asynctask import AsyncTask
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.core.resolve import problems, resolve

SCHEMA = {
    "type": "object",
    "properties": {"source_path": {"type": "string"}, "keep": {"type": "integer", "minimum": 1}},
    "required": ["source_path"],
    "additionalProperties": False,
}
STAGES = [{"name": "copy", "job": {"image": "example/copy:1"}}]
NAS = StorageEndpoint.model_validate(
    {"metadata": {"name": "nas"}, "spec": {"path": "/nas/photos", "volume": {"claimName": "nas"}}}
)


def make_type(**spec: Any) -> TaskType:
    body = {"configSchema": SCHEMA, "locations": [{"field": "source_path"}], "stages": STAGES, **spec}
    return TaskType.model_validate({"metadata": {"name": "copy"}, "spec": body})


def told(task_type: TaskType | None = None, *, queue_known: bool = True, **spec: Any) -> list[tuple[str, str]]:
    """Reason and field of each problem; and that the operator would see the same."""
    task = AsyncTask.model_validate({"metadata": {"name": "one", "namespace": "tenant"}, "spec": spec})
    options: dict[str, Any] = {"queue_known": queue_known, "data_owner_allowed": False}
    found = problems(task, task_type, {"nas": NAS}, **options)
    first = resolve(task, task_type, {"nas": NAS}, **options)
    if found:
        assert (found[0].reason, found[0].path) == (getattr(first, "reason", None), getattr(first, "path", None))
    else:
        assert not hasattr(first, "reason")
    return [(str(problem.reason), problem.path) for problem in found]


def test_a_good_task_has_none() -> None:
    assert told(make_type(), type="copy", config={"source_path": "/nas/photos/2020"}) == []


def test_each_field_of_the_config_is_named() -> None:
    assert sorted(told(make_type(), type="copy", config={"keep": 0, "kep": 1})) == [
        ("InvalidConfig", "spec.config.keep"),
        ("InvalidConfig", "spec.config.kep"),
        ("InvalidConfig", "spec.config.source_path"),
    ]


def test_problems_of_all_kinds_are_told_together() -> None:
    window = {"timeZone": "Mars/Olympus", "ranges": [{"start": "01:00", "end": "02:00"}]}
    assert told(
        make_type(), queue_known=False, type="copy", config={"source_path": "/usb/x"}, window=window, restartFrom="move"
    ) == [
        ("UnknownQueue", "spec.queueName"),
        ("UnknownStage", "spec.restartFrom"),
        ("EndpointNotFound", "spec.config.source_path"),
        ("InvalidWindow", "spec.window.timeZone"),
    ]


def test_an_unknown_type_leaves_nothing_more_to_say() -> None:
    assert told(None, type="copi", config={"anything": 1}) == [("UnknownType", "spec.type")]


def test_a_circle_of_stages_is_told_with_its_path_and_the_rest_too() -> None:
    stages = [
        {"name": "a", "needs": ["b"], "job": {"image": "x"}},
        {"name": "b", "needs": ["a"], "job": {"image": "x"}},
    ]
    task = AsyncTask.model_validate({"metadata": {"name": "one"}, "spec": {"stages": stages, "queueName": "gone"}})
    found = problems(task, None, {}, queue_known=False, data_owner_allowed=False)
    assert [str(problem.reason) for problem in found] == ["UnknownQueue", "CycleInNeeds"]
    assert "a → b → a" in found[1].message or "b → a → b" in found[1].message


def test_every_stage_is_looked_at() -> None:
    stages = [
        {"name": "a", "when": "config.", "job": {"image": "x", "securityProfile": "DataOwner"}},
        {"name": "b", "when": "(", "job": {"image": "x", "podOverride": {"hostNetwork": True}}},
    ]
    assert told(stages=stages) == [
        ("InvalidExpression", "spec.stages[0].when"),
        ("ProfileNotAllowed", "spec.stages[0].job.securityProfile"),
        ("InvalidExpression", "spec.stages[1].when"),
        ("InvalidPodOverride", "spec.stages[1].job.podOverride"),
    ]
