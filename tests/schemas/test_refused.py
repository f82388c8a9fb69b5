"""What the API server refuses, each with the field that is at fault."""

from typing import Any

import pytest
from support import samples
from support.api import Api, Refused
from support.samples import JOB_STAGE, WAIT_STAGE, named, without

JOB = JOB_STAGE["job"]
CHILD = {"name": "one", "type": "sync"}


def job(**fields: Any) -> dict[str, Any]:
    """A task with one job stage that has these fields."""
    return samples.task(stages=[{"name": "copy", "job": {**JOB, **fields}}])


def stages(*items: dict[str, Any]) -> dict[str, Any]:
    """A task with these stages."""
    return samples.task(stages=list(items))


REFUSED = {
    # AsyncTask
    "a task without a spec": (without(samples.task(), "spec"), "spec"),
    "a task with neither type nor stages": (samples.named({"kind": "AsyncTask", "spec": {}}, "none"), "spec"),
    "a task with both": (samples.task(type="a", stages=[JOB_STAGE]), "spec"),
    "a task's name that is too long": (named(samples.task(), "n" * 254), "metadata.name"),
    "a type's name in capitals": (samples.task(type="FileBackup"), "spec.type"),
    "priority 0": (samples.task(priority=0), "spec.priority"),
    "priority 6": (samples.task(priority=6), "spec.priority"),
    "priority 9": (samples.task(priority=9), "spec.priority"),
    "a priority in words": (samples.task(priority="high"), "spec.priority"),
    "news of what never happens": (samples.task(notify=[{"on": ["Sneezed"]}]), "spec.notify[0].on[0]"),
    "news of nothing": (samples.task(notify=[{"on": []}]), "spec.notify[0].on"),
    "news for nobody": (samples.task(notify=[{"on": ["Failed"], "to": []}]), "spec.notify[0].to"),
    "news for everybody": (samples.task(notify=[{"on": ["Failed"], "to": ["everybody"]}]), "spec.notify[0].to[0]"),
    "news for two in one address": (
        samples.task(notify=[{"on": ["Failed"], "to": ["mail:a@b.de,c@d.de"]}]),
        "spec.notify[0].to[0]",
    ),
    "news with a header of its own": (
        samples.task(notify=[{"on": ["Failed"], "to": ["mail:a@b.de\r\nBcc: c@d.de"]}]),
        "spec.notify[0].to[0]",
    ),
    "run 0": (samples.task(run=0), "spec.run"),
    "a run that is no whole number": (samples.task(run=1.5), "spec.run"),
    "config that is a text": (samples.task(config="a=b"), "spec.config"),
    "config that is a list": (samples.task(config=["a"]), "spec.config"),
    "a queue's name that is no label": (samples.task(queueName="a.b"), "spec.queueName"),
    "a queue's name that is too long": (samples.task(queueName="q" * 64), "spec.queueName"),
    "suspend in words": (samples.task(suspend="yes"), "spec.suspend"),
    "locations beside a type": (samples.task(locations=[{"field": "a"}]), "spec.locations"),
    "two locations of one field": (
        samples.task(stages=[JOB_STAGE], locations=[{"field": "a"}, {"field": "a"}]),
        "spec.locations[1]",
    ),
    "a task that depends on itself": (
        named(samples.task(dependsOn=[{"name": "selfish"}]), "selfish"),
        "spec.dependsOn",
    ),
    "a dependency given twice": (samples.task(dependsOn=[{"name": "a"}, {"name": "a"}]), "spec.dependsOn[1]"),
    "an unknown condition of a dependency": (
        samples.task(dependsOn=[{"name": "a", "condition": "Failed"}]),
        "spec.dependsOn[0].condition",
    ),
    "too many dependencies": (samples.task(dependsOn=[{"name": f"t{n}"} for n in range(33)]), "spec.dependsOn"),
    "a deadline of nothing": (samples.task(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
    "a negative time to live": (samples.task(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished"),
    "running as root": (samples.task(runAs={"user": 0}), "spec.runAs.user"),
    "no attempts at all": (samples.task(retry={"maxAttempts": 0}), "spec.retry.maxAttempts"),
    # stages
    "no stages": (stages(), "spec.stages"),
    "too many stages": (stages(*({**WAIT_STAGE, "name": f"s{n}"} for n in range(33))), "spec.stages"),
    "two stages of one name": (stages(JOB_STAGE, JOB_STAGE), "spec.stages[1]"),
    "a stage without a name": (stages(without(JOB_STAGE, "name")), "spec.stages[0].name"),
    "a stage's name that is too long": (stages({**JOB_STAGE, "name": "n" * 31}), "spec.stages[0].name"),
    "a stage's name with a dot": (stages({**JOB_STAGE, "name": "a.b"}), "spec.stages[0].name"),
    "a stage of no kind": (stages({"name": "a"}), "spec.stages[0]"),
    "a stage of two kinds": (stages({**JOB_STAGE, "wait": {"delaySeconds": 1}}), "spec.stages[0]"),
    "needs that name no stage": (stages(JOB_STAGE, {**WAIT_STAGE, "needs": ["scan"]}), "spec.stages"),
    "needs that name a stage twice": (
        stages(JOB_STAGE, {**WAIT_STAGE, "needs": ["copy", "copy"]}),
        "spec.stages[1].needs[1]",
    ),
    "an empty expression": (stages({**JOB_STAGE, "when": ""}), "spec.stages[0].when"),
    "a title that is too long": (stages({**JOB_STAGE, "title": {"en": "t" * 257}}), "spec.stages[0].title.en"),
    "a job without an image": (stages({"name": "a", "job": {}}), "spec.stages[0].job.image"),
    "a pull policy that doesn't exist": (job(imagePullPolicy="Sometimes"), "spec.stages[0].job.imagePullPolicy"),
    "a profile that doesn't exist": (job(securityProfile="Root"), "spec.stages[0].job.securityProfile"),
    "a command that is a text": (job(command="cp -a"), "spec.stages[0].job.command"),
    "too many arguments": (job(args=["x"] * 257), "spec.stages[0].job.args"),
    "an argument that is too long": (job(args=["x" * 4097]), "spec.stages[0].job.args[0]"),
    "one variable twice": (job(env=[{"name": "A"}, {"name": "A"}]), "spec.stages[0].job.env[1]"),
    "a variable's name with a hyphen": (job(env=[{"name": "A-B"}]), "spec.stages[0].job.env[0].name"),
    "a variable of the operator's": (job(env=[{"name": "ASYNCTASK_RUN"}]), "spec.stages[0].job.env[0].name"),
    "a variable of the config's": (job(env=[{"name": "CONFIG_SOURCE"}]), "spec.stages[0].job.env[0].name"),
    "a variable with two values": (
        job(env=[{"name": "A", "value": "b", "secretKeyRef": {"name": "s", "key": "k"}}]),
        "spec.stages[0].job.env[0]",
    ),
    "a memory of nonsense": (
        job(resources={"limits": {"memory": "lots"}}),
        "spec.stages[0].job.resources.limits.memory",
    ),
    "a negative amount": (job(resources={"requests": {"cpu": "-1"}}), "spec.stages[0].job.resources.requests.cpu"),
    "a node label without a key": (job(nodeSelector={"": "x"}), "spec.stages[0].job.nodeSelector"),
    "too many node labels": (job(nodeSelector={f"k{n}": "v" for n in range(33)}), "spec.stages[0].job.nodeSelector"),
    "a toleration of an unknown effect": (
        job(tolerations=[{"effect": "No"}]),
        "spec.stages[0].job.tolerations[0].effect",
    ),
    "a grace period of a day": (
        job(terminationGracePeriodSeconds=86400),
        "spec.stages[0].job.terminationGracePeriodSeconds",
    ),
    "a wait without a time": (stages({"name": "a", "wait": {}}), "spec.stages[0].wait.delaySeconds"),
    "a task stage without tasks": (stages({"name": "a", "task": {"tasks": []}}), "spec.stages[0].task.tasks"),
    "a task stage of nothing": (stages({"name": "a", "task": {}}), "spec.stages[0].task"),
    "a task stage of both": (
        stages({"name": "a", "task": {"tasks": [CHILD], "forEach": {"items": "[1]", "type": "sync"}}}),
        "spec.stages[0].task",
    ),
    "a list without items": (
        stages({"name": "a", "task": {"forEach": {"type": "x"}}}),
        "spec.stages[0].task.forEach.items",
    ),
    "no tasks at once": (
        stages({"name": "a", "task": {"tasks": [CHILD], "parallelism": 0}}),
        "spec.stages[0].task.parallelism",
    ),
    "a config field without a name": (
        stages({"name": "a", "task": {"tasks": [{**CHILD, "configFrom": {"": "1"}}]}}),
        "spec.stages[0].task.tasks[0].configFrom",
    ),
    "a condition of needs that doesn't exist": (
        stages({**JOB_STAGE, "needsCondition": "Completed"}),
        "spec.stages[0].needsCondition",
    ),
    "a condition of a dependency that doesn't exist": (
        samples.task(dependsOn=[{"name": "a", "condition": "Completed"}]),
        "spec.dependsOn[0].condition",
    ),
    "an approval that expires at once": (
        stages({"name": "a", "approval": {"expiresAfterSeconds": 0}}),
        "spec.stages[0].approval.expiresAfterSeconds",
    ),
    "an approval that asks for more people than there are": (
        stages({"name": "a", "approval": {"quorum": 2, "approvers": {"users": ["ada"]}}}),
        "spec.stages[0].approval.quorum",
    ),
    "a list of items that nobody would have to look at": (
        stages(
            JOB_STAGE,
            {"name": "a", "approval": {"items": {"stage": "copy", "artifact": "x"}, "atExpiry": "Approve"}},
        ),
        "spec.stages[1].approval.atExpiry",
    ),
    "a list with a name that leads elsewhere": (
        stages(JOB_STAGE, {"name": "a", "approval": {"items": {"stage": "copy", "artifact": "../x"}}}),
        "spec.stages[1].approval.items.artifact",
    ),
    # Stage
    "a stage of no task": (without(samples.stage(), "spec", "taskName"), "spec.taskName"),
    "a stage of run 0": (samples.stage(run=0), "spec.run"),
    "a stage without a template": (without(samples.stage(), "spec", "template"), "spec.template"),
    "a location without a path": (
        samples.stage(locations=[{"field": "a", "endpoint": "b"}]),
        "spec.locations[0].path",
    ),
    # TaskType
    "a type without stages": (without(samples.task_type(), "spec", "stages"), "spec.stages"),
    "a type whose needs name no stage": (
        samples.task_type(stages=[{**JOB_STAGE, "needs": ["x"]}]),
        "spec.stages",
    ),
    "a type's default priority of 6": (samples.task_type(defaultPriority=6), "spec.defaultPriority"),
    "a config schema that is a text": (samples.task_type(configSchema="object"), "spec.configSchema"),
    "a location field that is no field": (samples.task_type(locations=[{"field": "a.b"}]), "spec.locations[0].field"),
    "an access that doesn't exist": (
        samples.task_type(locations=[{"field": "a", "access": "Append"}]),
        "spec.locations[0].access",
    ),
    # TaskQueue
    "a queue with a negative limit": (samples.queue(maxRunning=-1), "spec.maxRunning"),
    "a queue whose limit is a text": (samples.queue(maxRunning="20"), "spec.maxRunning"),
    "a queue's own name that is too long": (named(samples.queue(), "q" * 64), ""),
    "a quota in words": (samples.queue(quota={"cpu": "four"}), "spec.quota.cpu"),
    "a pressure of more than all": (
        samples.queue(pressure={"maxNodeCPUPercent": 101}),
        "spec.pressure.maxNodeCPUPercent",
    ),
    "a start rate of nothing": (samples.queue(startRatePerMinute=0), "spec.startRatePerMinute"),
    "an unknown preemption policy": (samples.queue(preemption={"policy": "Always"}), "spec.preemption.policy"),
    "a namespace's share given twice": (
        samples.queue(fairShare=[{"namespace": "a"}, {"namespace": "a", "weight": 2}]),
        "spec.fairShare[1]",
    ),
    "a queue that stops what runs but starts more": (samples.queue(suspendRunning=True), "spec.suspendRunning"),
    "a count beside Kueue's": (samples.queue(kueueLocalQueue="nas", maxRunning=3), "spec.kueueLocalQueue"),
    "a quota beside Kueue's": (samples.queue(kueueLocalQueue="nas", quota={"cpu": 3}), "spec.kueueLocalQueue"),
    "preemption beside Kueue's": (
        samples.queue(kueueLocalQueue="nas", preemption={"policy": "LowerPriority"}),
        "spec.kueueLocalQueue",
    ),
    "a task's overlap policy that doesn't exist": (samples.task(overlapPolicy="Ignore"), "spec.overlapPolicy"),
    "a least rate of nothing": (samples.task(minMegabytesPerSecond=0), "spec.minMegabytesPerSecond"),
    # StorageEndpoint
    "an endpoint of neither": (without(samples.volume_endpoint(), "spec", "volume"), "spec"),
    "an endpoint of both": (
        samples.volume_endpoint(remote={"type": "S3", "url": "https://s3.example.com/b"}),
        "spec",
    ),
    "a volume without a path": (without(samples.volume_endpoint(), "spec", "path"), "spec"),
    "a volume without a claim": (samples.volume_endpoint(volume={}), "spec.volume.claimName"),
    "a relative path": (samples.volume_endpoint(path="nas/photos"), "spec.path"),
    "the root as path": (samples.volume_endpoint(path="/"), "spec.path"),
    "a path that ends in a slash": (samples.volume_endpoint(path="/nas/"), "spec.path"),
    "a path with an empty part": (samples.volume_endpoint(path="/nas//photos"), "spec.path"),
    "a path that climbs": (samples.volume_endpoint(path="/nas/../etc"), "spec.path"),
    "a path with a dot": (samples.volume_endpoint(path="/nas/./a"), "spec.path"),
    "a path with a line break": (samples.volume_endpoint(path="/nas/a\nb"), "spec.path"),
    "a sub-path that climbs": (
        samples.volume_endpoint(volume={"claimName": "a", "subPath": "../b"}),
        "spec.volume.subPath",
    ),
    "an absolute sub-path": (
        samples.volume_endpoint(volume={"claimName": "a", "subPath": "/b"}),
        "spec.volume.subPath",
    ),
    "a protocol that doesn't exist": (samples.remote_endpoint(type="FTP"), "spec.remote.type"),
    "a URL without a scheme": (samples.remote_endpoint(url="s3.example.com"), "spec.remote.url"),
    "a URL with a name and a password": (
        samples.remote_endpoint(url="sftp://me:secret@nas.example.com/a"),
        "spec.remote.url",
    ),
    "a URL with a name": (samples.remote_endpoint(url="smb://me@nas/share"), "spec.remote.url"),
    "a Secret's name in capitals": (samples.remote_endpoint(secretName="S3"), "spec.remote.secretName"),
    "a limit of nothing": (
        samples.volume_endpoint(limits={"megabytesPerSecond": 0}),
        "spec.limits.megabytesPerSecond",
    ),
    "negative streams": (samples.volume_endpoint(limits={"streams": -1}), "spec.limits.streams"),
    "a timetable without periods": (
        samples.volume_endpoint(limits={"timetable": {"periods": []}}),
        "spec.limits.timetable.periods",
    ),
    "a period that limits nothing": (
        samples.volume_endpoint(limits={"timetable": {"periods": [{"days": ["Sat"]}]}}),
        "spec.limits.timetable.periods",
    ),
    "a period that ends when it begins": (
        samples.volume_endpoint(limits={"timetable": {"periods": [{"start": "08:00", "end": "08:00", "streams": 1}]}}),
        "spec.limits.timetable.periods[0].end",
    ),
    # TaskSchedule
    "a schedule without a task": (without(samples.schedule(), "spec", "taskTemplate"), "spec.taskTemplate"),
    "a schedule of four fields": (samples.schedule(schedule="0 3 * *"), "spec.schedule"),
    "a schedule of six fields": (samples.schedule(schedule="0 0 3 * * *"), "spec.schedule"),
    "a time zone of nonsense": (samples.schedule(timeZone="Europe/Berlin!"), "spec.timeZone"),
    "a concurrency policy that doesn't exist": (samples.schedule(concurrencyPolicy="Allow"), "spec.concurrencyPolicy"),
    "a jitter of two days": (samples.schedule(jitterSeconds=172_800), "spec.jitterSeconds"),
    "a schedule's task of neither type nor stages": (samples.schedule(task={}), "spec.taskTemplate.spec"),
    "a schedule's task of priority 9": (
        samples.schedule(task={"type": "a", "priority": 9}),
        "spec.taskTemplate.spec.priority",
    ),
    "a label longer than labels are": (
        samples.schedule(taskTemplate={"metadata": {"labels": {"a": "b" * 64}}, "spec": {"type": "a"}}),
        "spec.taskTemplate.metadata.labels.a",
    ),
    # windows
    "a window without hours": (samples.task(window={"ranges": []}), "spec.window.ranges"),
    "a window that begins when it ends": (
        samples.task(window={"ranges": [{"start": "08:00", "end": "08:00"}]}),
        "spec.window.ranges[0].end",
    ),
    "a window at 25 o'clock": (samples.queue(window={"ranges": [{"end": "25:00"}]}), "spec.window.ranges[0].end"),
    "a window that begins at the end of the day": (
        samples.queue(window={"ranges": [{"start": "24:00"}]}),
        "spec.window.ranges[0].start",
    ),
    "a window on a day that there is not": (
        samples.task_type(window={"ranges": [{"days": ["Mond"]}]}),
        "spec.window.ranges[0].days[0]",
    ),
    "a window that ends as nobody knows": (
        samples.task(window={"ranges": [{}], "atClose": "Abort"}),
        "spec.window.atClose",
    ),
}


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        api.create(body, keep=False)
    assert refused.value.status == 422, refused.value
    assert field in {cause or "" for cause in _fields(refused.value)}, refused.value


def test_a_password_in_a_url_is_not_said_aloud(api: Api) -> None:
    with pytest.raises(Refused) as refused:
        api.create(samples.remote_endpoint(url="sftp://me:secret@nas.example.com/a"), keep=False)
    assert "secret@" not in refused.value.message
    assert "put them into a Secret" in refused.value.message


@pytest.mark.parametrize(
    "body",
    [samples.task(prioriti=1), {**samples.queue(), "spec": {"maxRuning": 1}}],
    ids=["a task's field", "a queue's field"],
)
def test_a_mistyped_field_is_refused(api: Api, body: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="unknown field"):
        api.create(body, keep=False)


def _fields(refused: Refused) -> set[str]:
    """The fields at fault. For a rule about the whole object the server writes `<nil>`."""
    return {field.removeprefix("<nil>") for field in refused.causes}
