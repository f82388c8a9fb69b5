"""What may change in an object that is there, and what may not."""

from typing import Any

import pytest
from support import samples
from support.api import Api, Refused
from support.samples import JOB_STAGE, WAIT_STAGE

OWN_STAGES = {"stages": [WAIT_STAGE]}
OTHER_STAGES = [WAIT_STAGE, {**WAIT_STAGE, "name": "pause-again"}]

REFUSED = {
    "a lower run": ({"run": 3}, {"run": 2}, "spec.run"),
    "another type": ({}, {"type": "folder-sync"}, "spec.type"),
    "another type with a higher run": ({}, {"type": "folder-sync", "run": 2}, "spec.type"),
    "stages in place of a type": ({}, {"type": None, "stages": [JOB_STAGE], "run": 2}, "spec.type"),
    "another config": ({"config": {"a": 1}}, {"config": {"a": 2}}, "spec.config"),
    "a config where none was": ({}, {"config": {"a": 2}}, "spec.config"),
    "no config where one was": ({"config": {"a": 1}}, {"config": None}, "spec.config"),
    "something deep in the config": ({"config": {"a": {"b": [1]}}}, {"config": {"a": {"b": [2]}}}, "spec.config"),
    "other stages": (OWN_STAGES, {"stages": OTHER_STAGES}, "spec.stages"),
    "a priority of 9": ({}, {"priority": 9}, "spec.priority"),
    "a higher run with the restartFrom of an earlier one": (
        {"run": 2, "restartFrom": "copy"}, {"run": 3}, "spec.restartFrom"),
    "the same restartFrom said again": (
        {"run": 2, "restartFrom": "copy"}, {"run": 3, "restartFrom": "copy"}, "spec.restartFrom"),
    "restartFrom without a higher run": ({"run": 2}, {"restartFrom": "copy"}, "spec.restartFrom"),
    "another restartFrom during the run": (
        {"run": 2, "restartFrom": "copy"}, {"restartFrom": "scan"}, "spec.restartFrom"),
    "no restartFrom during the run": ({"run": 2, "restartFrom": "copy"}, {"restartFrom": None}, "spec.restartFrom"),
}  # fmt: skip

ACCEPTED = {
    "a higher run": ({}, {"run": 2}),
    "another config with a higher run": ({"config": {"a": 1}}, {"config": {"a": 2}, "run": 2}),
    "a config where none was, with a higher run": ({}, {"config": {"a": 2}, "run": 2}),
    "the same config": ({"config": {"a": 1}}, {"config": {"a": 1}}),
    "other stages with a higher run": (OWN_STAGES, {"stages": OTHER_STAGES, "run": 2}),
    "restartFrom with a higher run": ({}, {"run": 2, "restartFrom": "copy"}),
    "another restartFrom with a higher run": ({"run": 2, "restartFrom": "copy"}, {"run": 3, "restartFrom": "scan"}),
    "pause of a restarted run": ({"run": 2, "restartFrom": "copy"}, {"suspend": True}),
    "pause": ({}, {"suspend": True}),
    "cancel": ({}, {"cancel": True}),
    "priority and queue": ({}, {"priority": 1, "queueName": "urgent"}),
    "time to live": ({}, {"ttlSecondsAfterFinished": 60}),
}


@pytest.mark.parametrize(("spec", "change", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_task_refuses(api: Api, spec: dict[str, Any], change: dict[str, Any], field: str) -> None:
    made = api.create(samples.task(**spec))
    with pytest.raises(Refused) as refused:
        api.patch(made, {"spec": change})
    assert field in refused.value.causes, refused.value


@pytest.mark.parametrize(("spec", "change"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_task_accepts(api: Api, spec: dict[str, Any], change: dict[str, Any]) -> None:
    changed = api.patch(api.create(samples.task(**spec)), {"spec": change})
    assert {name: changed["spec"][name] for name in change} == change


@pytest.mark.parametrize(
    "status",
    [{"run": 2, "completionTime": "2030-01-01T00:00:00Z"}, {"run": 2, "phase": "Invalid"}],
    ids=["ended", "invalid"],
)
def test_a_restart_can_be_taken_away_when_its_run_has_ended_or_cannot_begin(api: Api, status: dict[str, Any]) -> None:
    made = api.create(samples.task(run=2, restartFrom="copy"))
    told = api.patch(made, {"status": status}, subresource="/status")
    free = api.patch(told, {"spec": {"restartFrom": None}})
    again = api.patch(free, {"spec": {"run": 3, "restartFrom": "copy"}})
    assert again["spec"]["restartFrom"] == "copy"
    assert "restartFrom" not in api.patch(again, {"spec": {"run": 4, "restartFrom": None}})["spec"]


@pytest.mark.parametrize("subresource", ["", "/status"], ids=["object", "status"])
def test_a_spec_never_changes_in_the_shadow_of_a_status(api: Api, subresource: str) -> None:
    """The rules rest on that: with a change of the phase they ask nothing more."""
    made = api.create(samples.task(config={"a": 1}))
    both = {"spec": {"config": {"a": 2}}, "status": {"phase": "Running"}}
    if subresource:
        assert api.patch(made, both, subresource=subresource)["spec"]["config"] == {"a": 1}
    else:
        with pytest.raises(Refused) as refused:
            api.patch(made, both)
        assert "spec.config" in refused.value.causes


def test_a_stages_spec_never_changes(api: Api) -> None:
    made = api.create(samples.stage())
    with pytest.raises(Refused) as refused:
        api.patch(made, {"spec": {"run": 2}})
    assert refused.value.causes == {"spec": "Forbidden: the spec of a Stage never changes"}


def test_a_stages_status_does_change(api: Api) -> None:
    made = api.create(samples.stage())
    checkpoint = {"sequence": 4, "attempt": 1, "time": "2026-11-23T10:00:00Z", "data": {"cursor": "ab"}}
    changed = api.patch(made, {"status": {"checkpoint": checkpoint}}, subresource="/status")
    assert changed["status"] == {"phase": "Running", "attempt": 1, "checkpoint": checkpoint}


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"phase": "Asleep"}, "status.phase"),
        ({"checkpoint": {"sequence": -1}}, "status.checkpoint.sequence"),
        ({"checkpoint": {"time": "today"}}, "status.checkpoint.time"),
        ({"conditions": [{"type": "Paused", "status": "Maybe"}]}, "status.conditions[0].status"),
        ({"completion": {"outcome": "well"}}, "status.completion.outcome"),
        ({"itemErrors": {"first": [{"path": "a"}] * 21}}, "status.itemErrors.first"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_status_is_refused(api: Api, status: dict[str, Any], field: str) -> None:
    made = api.create(samples.stage())
    with pytest.raises(Refused) as refused:
        api.patch(made, {"status": status}, subresource="/status")
    assert field in refused.value.causes, refused.value


def test_a_schedule_may_change_its_task_at_will(api: Api) -> None:
    made = api.create(samples.schedule(task={"type": "a", "config": {"b": 1}}))
    changed = api.patch(made, {"spec": {"taskTemplate": {"spec": {"type": "c", "config": {"b": 2}}}}})
    assert changed["spec"]["taskTemplate"]["spec"]["config"] == {"b": 2}


def test_run_now_only_grows(api: Api) -> None:
    made = api.create(samples.schedule(runNow=2))
    assert api.patch(made, {"spec": {"runNow": 3}})["spec"]["runNow"] == 3
    with pytest.raises(Refused) as refused:
        api.patch(made, {"spec": {"runNow": 1}})
    assert refused.value.causes == {"spec.runNow": "Invalid value: runNow may only grow"}


def test_a_task_type_may_change(api: Api) -> None:
    made = api.create(samples.task_type())
    assert api.patch(made, {"spec": {"stages": [JOB_STAGE]}})["spec"]["stages"][0]["name"] == "copy"
    api.delete(made)
