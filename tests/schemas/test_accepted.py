"""What the API server takes, and what it fills in."""

from typing import Any

import pytest
from support import samples
from support.api import Api

ACCEPTED = {
    "a task of a type": samples.task(),
    "a task with everything": samples.task(
        priority=1,
        config={"source_path": "/nas/a", "nested": {"list": [1, "two", None]}},
        queueName="bulk",
        suspend=True,
        run=3,
        restartFrom="copy",
        dependsOn=[{"name": "other"}, {"name": "another", "condition": "Finished"}],
        retry={"maxAttempts": 3},
        activeDeadlineSeconds=3600,
        ttlSecondsAfterFinished=0,
        runAs={"user": 1000, "group": 1000, "fsGroup": 1000},
    ),
    "a task with stages of its own": samples.task(
        stages=[samples.JOB_STAGE, {**samples.WAIT_STAGE, "needs": ["copy"]}],
        locations=[{"field": "source_path"}, {"field": "target_path", "access": "Write"}],
    ),
    "a task that says who is told": samples.task(
        notify=[
            {"on": ["Failed", "Recovered"]},
            {
                "on": ["ReviewWanted"],
                "to": ["reviewers", "user:oidc:bo", "mail:a.b+c@example.com", "sms:+4915112345678", "channel:chat"],
            },
        ]
    ),
    "a stage that needs nothing": samples.task(stages=[samples.JOB_STAGE, {**samples.WAIT_STAGE, "needs": []}]),
    "a stage of each kind": samples.task(
        stages=[
            samples.JOB_STAGE,
            samples.WAIT_STAGE,
            {"name": "ask", "approval": {"message": {"en": "Delete?", "zh": "删除？"}, "expiresAfterSeconds": 86400}},
            {"name": "more", "task": {"tasks": [{"name": "one", "type": "file-backup", "config": {"a": 1}}]}},
        ]
    ),
    "a review of items by people who are named": samples.task(
        stages=[
            samples.JOB_STAGE,
            {
                "name": "ask",
                "approval": {
                    "approvers": {"users": ["ada", "oidc:bo@example.com"], "groups": ["storage-admins"]},
                    "quorum": 2,
                    "separationOfDuties": True,
                    "items": {"stage": "copy", "artifact": "expired.jsonl"},
                },
            },
        ]
    ),
    "an approval that nobody objects to": samples.task(
        stages=[{"name": "ask", "approval": {"expiresAfterSeconds": 60, "atExpiry": "Approve"}}]
    ),
    "a stage for each item, and one that cleans up": samples.task(
        stages=[
            {
                "name": "spread",
                "task": {
                    "forEach": {"items": "config.folders", "type": "sync", "configFrom": {"source": "item"}},
                    "parallelism": 4,
                    "maxFailures": 0,
                },
            },
            {**samples.JOB_STAGE, "needsCondition": "Finished"},
        ],
        config={"folders": ["/nas/a"]},
        dependencyTimeoutSeconds=60,
    ),
    "quantities as numbers and as texts": samples.task(
        stages=[{"name": "a", "job": {"image": "x", "resources": {"limits": {"cpu": 2, "memory": "1.5Gi"}}}}]
    ),
    "fields of the pod that we don't know": samples.task(
        stages=[{"name": "a", "job": {"image": "x", "podOverride": {"hostAliases": [{"ip": "10.0.0.1"}]}}}]
    ),
    "a task with the longest name": samples.named(samples.task(), "n" * 253),
    "a task with the most stages": samples.task(stages=[{**samples.WAIT_STAGE, "name": f"s{n}"} for n in range(32)]),
    "a stage": samples.stage(),
    "a stage with items of all kinds": samples.stage(items=["/nas/a", 7, True, None, {"path": "/nas/b", "n": [1, {}]}]),
    "a task type": samples.task_type(configSchema={"type": "object", "properties": {"a": {"type": "string"}}}),
    "a queue without a limit": samples.queue(),
    "a queue that holds all back": samples.queue(maxRunning=0),
    "a queue with everything": samples.queue(
        suspend=True,
        suspendRunning=True,
        maxRunning=20,
        maxRunningPerNamespace=5,
        maxRunningPerType=10,
        quota={"cpu": 8, "memory": "16Gi"},
        startRatePerMinute=100,
        promoteAfterSeconds=600,
        headOfLineSeconds=60,
        pressure={"maxNodeCPUPercent": 80, "maxNodeMemoryPercent": 90, "maxNetworkMegabytesPerSecond": 500},
        fairShare=[{"namespace": "a", "weight": 3}, {"namespace": "b"}],
        preemption={"policy": "LowerPriority", "minRuntimeSeconds": 30, "maxPerHour": 6},
    ),
    "a queue that Kueue has the quota of": samples.queue(kueueLocalQueue="nas", startRatePerMinute=60),
    "an endpoint over a volume": samples.volume_endpoint(limits={"megabytesPerSecond": 100}),
    "an endpoint with a timetable": samples.volume_endpoint(
        limits={
            "megabytesPerSecond": 100,
            "streams": 8,
            "timetable": {
                "timeZone": "Asia/Taipei",
                "periods": [
                    {"days": ["Mon", "Fri"], "start": "08:00", "end": "18:00", "megabytesPerSecond": 20},
                    {"start": "22:00", "end": "06:00", "streams": 0},
                ],
            },
        }
    ),
    "an endpoint with a dotted file name in its path": samples.volume_endpoint(path="/nas/..hidden/a.b"),
    "an endpoint over a part of a volume": samples.volume_endpoint(volume={"claimName": "a", "subPath": "b/c"}),
    "an endpoint over a server": samples.remote_endpoint(secretName="s3-photos"),
    "a server's URL with an at sign in its path": samples.remote_endpoint(url="https://dav.example.com/a@b"),
    "a task with a window": samples.task(
        window={"timeZone": "Europe/Berlin", "ranges": [{"days": ["Fri"], "start": "22:00", "end": "06:00"}, {}]}
    ),
    "a schedule": samples.schedule(timeZone="Asia/Shanghai", jitterSeconds=60, freshness={"maxAgeSeconds": 86_400}),
    "a schedule with a task of its own stages": samples.schedule(task={"stages": [samples.JOB_STAGE]}),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_is_accepted(api: Api, body: dict[str, Any]) -> None:
    api.create(body, keep=False)


def test_defaults_of_a_task_are_filled_in_and_nothing_else(api: Api) -> None:
    made = api.create(samples.task(), keep=False)
    assert made["spec"] == {
        "type": "file-backup",
        "queueName": "default",
        "overlapPolicy": "Wait",
        "run": 1,
        "suspend": False,
        "cancel": False,
    }


def test_a_task_and_a_stage_have_a_first_status_that_nobody_wrote(api: Api) -> None:
    assert api.create(samples.task(), keep=False)["status"] == {"phase": "Pending"}
    assert api.create(samples.stage(), keep=False)["status"] == {"phase": "Running", "attempt": 1}


def test_defaults_of_a_job_stage_are_filled_in(api: Api) -> None:
    made = api.create(samples.task(stages=[samples.JOB_STAGE]), keep=False)
    assert made["spec"]["stages"][0]["job"] == {
        "image": "example/copy:1",
        "imagePullPolicy": "IfNotPresent",
        "workspace": False,
        "securityProfile": "Restricted",
        "terminationGracePeriodSeconds": 60,
        "checkpointPeriodSeconds": 15,
    }


def test_a_default_object_brings_the_defaults_of_its_fields(api: Api) -> None:
    made = api.create(samples.task_type(), keep=False)
    assert made["spec"]["retry"] == {"maxAttempts": 5, "backoffSeconds": 10, "maxBackoffSeconds": 600}
    assert made["spec"]["defaultPriority"] == 3


def test_defaults_within_a_schedules_task_are_filled_in(api: Api) -> None:
    made = api.create(samples.schedule(), keep=False)
    assert made["spec"]["timeZone"] == "UTC"
    assert made["spec"]["taskTemplate"]["spec"]["queueName"] == "default"
    assert made["spec"]["runNow"] == 0


def test_free_form_config_is_kept_whole(api: Api) -> None:
    config = {"a": {"b": [1, 2.5, "x", {"c": True}]}, "d": ""}
    assert api.create(samples.task(config=config), keep=False)["spec"]["config"] == config


def test_a_status_is_kept_apart_from_the_spec_and_gets_no_other_defaults(api: Api) -> None:
    made = api.create({**samples.task(), "status": {"phase": "Running"}})
    assert made["status"] == {"phase": "Pending"}
    status = {"phase": "Running", "stages": [{"name": "copy", "phase": "Running"}]}
    assert api.patch(made, {"status": status, "spec": {"priority": 1}}, subresource="/status")["status"] == status
    assert "priority" not in api.patch(made, {})["spec"]
