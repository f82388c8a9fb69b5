"""The objects that the operator makes: Stages, their Jobs, child tasks."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from asynctask.api import names
from asynctask.api.asynctask import AsyncTask, RunAs
from asynctask.api.stage import StageInput, StageLocation, StageSpec
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.templates import ChildTemplate, JobStage, StageTemplate
from asynctask.core import timetable
from asynctask.core.bandwidth import MEGABYTE
from asynctask.core.facts import PodSettings, Resolved
from asynctask.core.others import depth_of

Body = dict[str, Any]

OVERRIDABLE = frozenset(
    {
        "affinity", "dnsConfig", "dnsPolicy", "hostAliases", "imagePullSecrets", "priorityClassName",
        "runtimeClassName", "schedulerName", "topologySpreadConstraints",
    }
)  # fmt: skip
SCRATCH_SIZE = "1Gi"
DATA_OWNER_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
"""What reading and restoring every file's owner and mode takes. DAC_OVERRIDE includes reading and searching."""


def stage(
    task: AsyncTask,
    template: StageTemplate,
    locations: Iterable[StageLocation],
    inputs: Iterable[StageInput],
    items: Iterable[Any] = (),
) -> Body:
    """The Stage object of this run."""
    spec = StageSpec(
        task_name=task.metadata.name,
        task_uid=task.metadata.uid,
        run=task.spec.run,
        template=template,
        locations=tuple(locations) if template.job else (),
        inputs=tuple(inputs),
        items=tuple(items),
    )
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Stage",
        "metadata": {
            "name": stage_name(task, template.name),
            "namespace": task.metadata.namespace,
            "labels": labels(task, template.name),
            "ownerReferences": [_owner("AsyncTask", task.metadata.name, task.metadata.uid)],
        },
        "spec": spec.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True, mode="json"),
    }


def stage_name(task: AsyncTask, stage_in_task: str) -> str:
    """The name of the Stage object of the current run."""
    return names.child_name(task.metadata.name, task.metadata.uid, stage_in_task, task.spec.run)


def job_name(task: AsyncTask, stage_in_task: str, attempt: int) -> str:
    """The name of an attempt's Job in the current run."""
    return names.child_name(task.metadata.name, task.metadata.uid, stage_in_task, task.spec.run, attempt)


def labels(task: AsyncTask, stage_in_task: str, attempt: int | None = None) -> dict[str, str]:
    """What children are found by."""
    result = {
        names.LABEL_TASK_UID: task.metadata.uid,
        names.LABEL_RUN: str(task.spec.run),
        names.LABEL_STAGE: stage_in_task,
        names.LABEL_MANAGED_BY: names.MANAGER,
    }
    return result | {names.LABEL_ATTEMPT: str(attempt)} if attempt is not None else result


def owned(body: Mapping[str, Any], stage_object: Mapping[str, Any]) -> Body:
    """The same object, owned by a Stage that has its uid by now."""
    meta = stage_object["metadata"]
    return {**body, "metadata": {**body["metadata"], "ownerReferences": [_owner("Stage", meta["name"], meta["uid"])]}}


def job(task: AsyncTask, template: StageTemplate, resolved: Resolved, attempt: int, settings: PodSettings) -> Body:
    """The Job of one attempt: one pod that is never restarted; trying again is the operator's decision.

    Disruptions (eviction, node shutdown) are left to the Job controller: they work while no operator runs.
    """
    work = template.job
    if work is None:
        raise ValueError(f"stage {template.name} is not a job")
    meta = {
        "labels": labels(task, template.name, attempt),
        "annotations": {names.ANNOTATION_TASK: task.metadata.name},
    }
    spec: Body = {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "template": {"metadata": meta, "spec": _pod(task, template, work, resolved, attempt, settings)},
    }
    if template.active_deadline_seconds:
        spec["activeDeadlineSeconds"] = template.active_deadline_seconds
    name = job_name(task, template.name, attempt)
    body: Body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": task.metadata.namespace, **meta},
        "spec": spec,
    }
    if settings.kueue_queue:  # on the Job alone: on a pod the label would have Kueue manage that a second time
        body["metadata"]["labels"] = {**meta["labels"], names.LABEL_KUEUE_QUEUE: settings.kueue_queue}
        spec["suspend"] = True
    return body


def child_task(
    task: AsyncTask, stage_in_task: str, name: str, index: int, child: ChildTemplate, config: Body, resolved: Resolved
) -> Body:
    """A task that a `task` stage starts."""
    place = {names.LABEL_INDEX: str(index), names.LABEL_DEPTH: str(depth_of(task.metadata.labels) + 1)}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AsyncTask",
        "metadata": {
            "name": name,
            "namespace": task.metadata.namespace,
            "labels": labels(task, stage_in_task) | place,
        },
        "spec": {
            "type": child.type,
            "config": config,
            "priority": child.priority or resolved.priority,
            "queueName": child.queue_name or resolved.queue,
        },
    }


def child_task_name(task: AsyncTask, stage_in_task: str, child: str) -> str:
    """The name of a task that a `task` stage starts."""
    return names.child_name(task.metadata.name, task.metadata.uid + stage_in_task, child, task.spec.run)


def _owner(kind: str, name: str, uid: str) -> Body:
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _pod(
    task: AsyncTask, template: StageTemplate, work: JobStage, resolved: Resolved, attempt: int, settings: PodSettings
) -> Body:
    volumes, mounts = _storage(task, work, resolved, settings)
    run_as = task.spec.run_as or RunAs()
    container: Body = {
        "name": "stage",
        "image": work.image,
        "imagePullPolicy": work.image_pull_policy,
        "env": _environment(task, template, work, resolved, attempt, settings),
        "volumeMounts": mounts,
        "securityContext": _container_security(work),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if work.command:
        container["command"] = list(work.command)
    if work.args:
        container["args"] = list(work.args)
    if resources := work.resources.model_dump(exclude_defaults=True):
        container["resources"] = resources
    pod: Body = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": work.termination_grace_period_seconds,
        "serviceAccountName": settings.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _pod_security(work, run_as),
        "containers": [container],
        "volumes": volumes,
    }
    if work.node_selector:
        pod["nodeSelector"] = work.node_selector
    if work.tolerations:
        pod["tolerations"] = [item.model_dump(by_alias=True, exclude_defaults=True) for item in work.tolerations]
    return pod | {key: value for key, value in (work.pod_override or {}).items() if key in OVERRIDABLE}


def _environment(
    task: AsyncTask, template: StageTemplate, work: JobStage, resolved: Resolved, attempt: int, settings: PodSettings
) -> list[Body]:
    # few of them: each is a field of Job and pod that every later write of these carries along
    values = {
        "ASYNCTASK_NAMESPACE": task.metadata.namespace,
        "ASYNCTASK_TASK": task.metadata.name,
        "ASYNCTASK_TASK_UID": task.metadata.uid,
        "ASYNCTASK_RUN": str(task.spec.run),
        "ASYNCTASK_STAGE": template.name,
        "ASYNCTASK_ATTEMPT": str(attempt),
        "ASYNCTASK_GRACE_SECONDS": str(work.termination_grace_period_seconds),
        "HOME": "/tmp",  # noqa: S108 - in the pod, where it is a volume of its own
    }
    if resolved.config:
        config = json.dumps(resolved.config, ensure_ascii=False, separators=(",", ":"))
        values["ASYNCTASK_CONFIG"] = _literal(config)
    if settings.gateway_url:
        values["ASYNCTASK_GATEWAY_URL"] = settings.gateway_url
        values["ASYNCTASK_TOKEN_FILE"] = f"{names.TOKEN_DIRECTORY}/token"
    if work.workspace:
        values["ASYNCTASK_WORKSPACE"] = names.WORKSPACE_DIRECTORY
    if rate := _least_rate(resolved):
        values["ASYNCTASK_BYTES_PER_SECOND"] = str(rate)
    for field, value in resolved.config.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        values[names.config_variable(field)] = _literal(text)
    own: list[Body] = [{"name": key, "value": value} for key, value in values.items()]
    for variable in work.env:
        if variable.name.startswith(("ASYNCTASK_", "CONFIG_")):
            continue
        if variable.secret_key_ref:
            ref = variable.secret_key_ref.model_dump(by_alias=True)
            own.append({"name": variable.name, "valueFrom": {"secretKeyRef": ref}})
        else:
            own.append({"name": variable.name, "value": variable.value})
    return own


def _least_rate(resolved: Resolved) -> int:
    """What a stage may move until the gateway tells it its share: all there is in the tightest hour. 0: no limit."""
    used = {location.endpoint for location in resolved.locations}
    rates = [timetable.tightest(resolved.endpoints[name].spec.limits).megabytes_per_second for name in used]
    return min((rate for rate in rates if rate), default=0) * MEGABYTE


def _literal(text: str) -> str:
    """Kubernetes expands $(NAME) in values too, and $$ is its $; what a user wrote in a config must stay as it is."""
    return text.replace("$", "$$")


def _storage(
    task: AsyncTask, work: JobStage, resolved: Resolved, settings: PodSettings
) -> tuple[list[Body], list[Body]]:
    volumes: list[Body] = [{"name": "tmp", "emptyDir": {"sizeLimit": SCRATCH_SIZE}}]
    mounts: list[Body] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    if settings.gateway_url:
        token = {"audience": names.GATEWAY_AUDIENCE, "expirationSeconds": 3600, "path": "token"}
        volumes.append({"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}})
        mounts.append({"name": "token", "mountPath": names.TOKEN_DIRECTORY, "readOnly": True})
    if work.workspace:
        volumes.append({"name": "workspace", "persistentVolumeClaim": {"claimName": names.WORKSPACE_CLAIM}})
        mounts.append({"name": "workspace", "mountPath": names.WORKSPACE_DIRECTORY, "subPath": task.metadata.uid})
    written = {location.endpoint for location in resolved.locations if location.access == "Write"}
    used = sorted({location.endpoint for location in resolved.locations})
    for index, endpoint in enumerate(resolved.endpoints[name] for name in used):
        _mount_endpoint(endpoint, f"endpoint-{index}", endpoint.metadata.name in written, volumes, mounts)
    return volumes, mounts


def _mount_endpoint(
    endpoint: StorageEndpoint, name: str, writable: bool, volumes: list[Body], mounts: list[Body]
) -> None:
    if source := endpoint.spec.volume:
        volumes.append({"name": name, "persistentVolumeClaim": {"claimName": source.claim_name}})
        mount: Body = {"name": name, "mountPath": endpoint.spec.path, "readOnly": not writable}
        mounts.append(mount | {"subPath": source.sub_path} if source.sub_path else mount)
    elif endpoint.spec.remote and endpoint.spec.remote.secret_name:
        volumes.append({"name": name, "secret": {"secretName": endpoint.spec.remote.secret_name}})
        path = f"{names.ENDPOINT_SECRETS_DIRECTORY}/{endpoint.metadata.name}"
        mounts.append({"name": name, "mountPath": path, "readOnly": True})


def _pod_security(work: JobStage, run_as: RunAs) -> Body:
    security: Body = {"seccompProfile": {"type": "RuntimeDefault"}}
    if work.security_profile == "DataOwner":
        return security | {"runAsUser": 0, "runAsGroup": 0}
    security |= {"runAsNonRoot": True, "runAsUser": run_as.user, "runAsGroup": run_as.group}
    if run_as.fs_group:
        security |= {"fsGroup": run_as.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return security


def _container_security(work: JobStage) -> Body:
    capabilities: Body = {"drop": ["ALL"]}
    if work.security_profile == "DataOwner":
        capabilities["add"] = DATA_OWNER_CAPABILITIES
    return {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": capabilities}
