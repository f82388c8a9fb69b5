"""What a stage is told at its start, and whether it should stop."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.api.stage import StageInput
from asynctask.gateway.caching import Cache
from asynctask.gateway.errors import StageGone
from asynctask.gateway.fencing import Recorded
from asynctask.gateway.identity import Freshness, Identity
from asynctask.gateway.live import LiveStage

CONFIG_VARIABLE = "ASYNCTASK_CONFIG"
DEFAULT_CHECKPOINT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What is read of a task."""

    version: str
    uid: str
    type: str
    stopping: bool
    """It is to be paused or cancelled."""
    deleting: bool
    run: int
    retry_run: int
    """The run that is to deal with failed items alone; 0 for none."""


class Contexts:
    """Reads what belongs to a stage: its task, its config, what earlier stages left for it."""

    def __init__(self, cluster: api.Cluster, freshness: Freshness, clock: Callable[[], float] = monotonic) -> None:
        self._cluster = cluster
        self._tasks = Cache[tuple[str, str], TaskFacts](freshness.task, refusal_seconds=freshness.refusal, clock=clock)

    async def context(
        self, identity: Identity, live: LiveStage, recorded: Recorded, bytes_per_second: int | None, period: float
    ) -> dict[str, Any]:
        """The answer to `GET /stage/v1/context`. Raises StageGone."""
        spec = live.spec
        task, config, outputs = await asyncio.gather(
            self._task(live), self._config(identity), self._outputs(live.namespace, spec.inputs)
        )
        if task.run < spec.run:  # what is remembered of the task is older than the run
            task = await self._read_task(live.namespace, spec.task_name, None)
        checkpoint = recorded.part("checkpoint")
        job = spec.template.job
        return {
            "task": {"namespace": live.namespace, "name": spec.task_name, "uid": spec.task_uid, "type": task.type},
            "run": spec.run,
            "stage": spec.template.name,
            "attempt": identity.caller.attempt,
            "config": config,
            "outputs": outputs,
            "checkpoint": {"sequence": checkpoint.get("sequence", 0), "data": checkpoint.get("data", {})}
            if checkpoint
            else None,
            "retryItems": names.RETRY_ITEMS if task.retry_run == spec.run else None,
            "bytesPerSecond": bytes_per_second,
            "reportPeriodSeconds": period,
            "checkpointPeriodSeconds": job.checkpoint_period_seconds if job else DEFAULT_CHECKPOINT_SECONDS,
        }

    async def command(self, identity: Identity, live: LiveStage) -> str:
        """`stop` when the pod or its task is to stop, else `continue`. Raises StageGone.

        A suspended Job is not asked for: its controller deletes the pod at once, and the pod is read anyway. The task
        is, so that a stage stops even while the operator is away.
        """
        return "stop" if identity.leaving or (await self._task(live)).stopping else "continue"

    async def _task(self, live: LiveStage) -> TaskFacts:
        task = await self._tasks.get(
            (live.namespace, live.spec.task_name), lambda old: self._read_task(live.namespace, live.spec.task_name, old)
        )
        if task.uid != live.spec.task_uid or task.deleting:
            raise StageGone("the task was deleted")
        return task

    async def _read_task(self, namespace: str, name: str, old: TaskFacts | None) -> TaskFacts:
        try:
            task = await self._cluster.get(api.TASKS, namespace, name, not_older_than=old.version if old else "")
        except api.NotFound:
            raise StageGone("the task was deleted") from None
        metadata, spec = task["metadata"], task.get("spec", {})
        return TaskFacts(
            version=metadata["resourceVersion"],
            uid=metadata["uid"],
            type=spec.get("type") or "",
            stopping=bool(spec.get("suspend") or spec.get("cancel")),
            deleting="deletionTimestamp" in metadata,
            run=int(spec.get("run", 1)),
            retry_run=_number(metadata.get("annotations", {}).get(names.ANNOTATION_RETRY_RUN, "")),
        )

    async def _config(self, identity: Identity) -> dict[str, Any]:
        """The config as the operator gave it to the pod, read from the Job, so that the two can't differ.

        To work it out again from task and type would differ once the type's defaults have changed meanwhile.
        """
        try:
            job = await self._cluster.get(api.JOBS, identity.namespace, identity.job_name)
        except api.NotFound:
            raise StageGone("the pod's Job was deleted") from None
        for container in job["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", ()):
                if variable["name"] == CONFIG_VARIABLE:
                    config = orjson.loads(variable.get("value") or "{}")
                    return config if isinstance(config, dict) else {}
        return {}

    async def _outputs(self, namespace: str, inputs: tuple[StageInput, ...]) -> dict[str, Any]:
        found = await asyncio.gather(*(self._output(namespace, item) for item in inputs))
        return {item.stage: output for item, output in zip(inputs, found, strict=True) if output is not None}

    async def _output(self, namespace: str, item: StageInput) -> Mapping[str, Any] | None:
        try:
            stage = await self._cluster.get(api.STAGES, namespace, item.object)
        except api.NotFound:
            return None
        status = stage.get("status", {})
        completion = status.get("completion", {})
        if completion.get("outcome") in {"succeeded", "partial"}:
            return completion.get("outputs") or status.get("outputs") or {}
        if status.get("outputs") is not None or Recorded.of(stage).over:
            return status.get("outputs") or {}
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
