"""Stages, Jobs and pods as operator and Job controller would make them, and a pod's view of the gateway."""

import io
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from support.ports import free_port

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.gateway.app import Gateway
from asynctask.gateway.identity import Freshness
from asynctask.gateway.metrics import Metrics
from asynctask.settings import GatewaySettings

Object = dict[str, Any]
FRESH = Freshness(token=0.0, refusal=0.0, pod=0.0, job=600.0, task=0.0, stage=0.0)
"""Nothing but what never changes is believed for longer than an instant, so that tests need not wait."""
FINALIZER = "example.com/tests"
_number = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def error(self) -> str:
        """The code of a refusal, and the field at fault."""
        error = self.body["error"]
        return error["code"] + (f" {error['field']}" if "field" in error else "")


@dataclass
class Pod:
    """A pod that works on a stage: its token, and calls with it."""

    object: Object
    token: str
    url: str
    session: aiohttp.ClientSession = field(repr=False)

    @property
    def order(self) -> tuple[str, str]:
        """Creation time, then uid."""
        return self.object["metadata"]["creationTimestamp"], self.object["metadata"]["uid"]

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self.object["metadata"]["uid"])

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.object["metadata"]["name"])

    async def call(self, method: str, path: str, body: Any = None, data: Any = None) -> Answer:
        """Any call, with the pod's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        content = json.dumps(body).encode() if body is not None else data
        if isinstance(content, bytes):
            content = io.BytesIO(content)
        async with self.session.request(method, f"{self.url}/stage/v1/{path}", data=content, headers=headers) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json"
            return Answer(answer.status, json.loads(raw) if is_json else raw, dict(answer.headers))

    async def context(self) -> Answer:
        """`GET context`."""
        return await self.call("GET", "context")

    async def report(self, sequence: int, **parts: Any) -> Answer:
        """`POST report`."""
        return await self.call("POST", "report", {"sequence": sequence, **parts})

    async def complete(self, outcome: str, sequence: int = 1000, **parts: Any) -> Answer:
        """`POST complete`."""
        return await self.call("POST", "complete", {"sequence": sequence, "outcome": outcome, **parts})


@dataclass
class World:
    """One namespace of a real API server, and gateways on it."""

    cluster: api.Cluster
    namespace: str
    artifacts: Path
    session: aiohttp.ClientSession
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """Requests of the gateways to the API server: verb, resource, status."""

    @property
    def writes(self) -> int:
        """Writes of Stages that gateways made."""
        return sum(request == ("PATCH", "stages", 200) for request in self.requests)

    @asynccontextmanager
    async def gateway(
        self, *, period: float = 0.4, freshness: Freshness = FRESH, **settings: Any
    ) -> AsyncIterator[str]:
        """A gateway in this process; gives its URL."""
        metrics = Metrics()

        def observe(verb: str, resource: str, status: int, seconds: float) -> None:
            self.requests.append((verb, resource, status))
            metrics.observe_request(verb, resource, status, seconds)

        options = GatewaySettings(
            port=free_port(),
            metrics_port=free_port(),
            api_port=free_port(),
            progress_period_seconds=period,
            artifacts_directory=str(self.artifacts),
            **settings,
        )
        async with (
            api.Cluster(self.cluster.connection, observe=observe, user_agent="asynctask-gateway") as cluster,
            Gateway(options, cluster, metrics, freshness) as gateway,
        ):
            yield f"http://127.0.0.1:{gateway.port}"

    async def task(self, **spec: Any) -> Object:
        """A task."""
        return await self._create(api.TASKS, "AsyncTask", f"task-{next(_number)}", {"type": "file-backup", **spec})

    async def endpoint(self, megabytes_per_second: int | None, **limits: Any) -> str:
        """An endpoint with limits; gives its name."""
        name = f"nas-{next(_number)}"
        if megabytes_per_second:
            limits["megabytesPerSecond"] = megabytes_per_second
        spec = {"path": f"/nas/{name}", "volume": {"claimName": "nas"}, "limits": limits}
        await self._create(api.ENDPOINTS, "StorageEndpoint", name, spec)
        return name

    async def stage(self, task: Object | None = None, *, name: str = "copy", **spec: Any) -> Object:
        """A Stage of a task, of its own if none is given."""
        task = task or await self.task()
        owner = task["metadata"]
        template = {"name": name, "job": {"image": "example/copy:1", "checkpointPeriodSeconds": 20}}
        body = {"taskName": owner["name"], "taskUID": owner["uid"], "run": 1, "template": template, **spec}
        stage = names.child_name(owner["name"], owner["uid"], name, 1)
        return await self._create(api.STAGES, "Stage", stage, body, _owner("AsyncTask", names.API_VERSION, owner))

    async def job(self, stage: Object, attempt: int = 1, *, config: Object | None = None, name: str = "") -> Object:
        """The Job of an attempt. It is managed by nobody, so that tests make and delete its pods."""
        spec = stage["spec"]
        labels = {
            names.LABEL_TASK_UID: spec["taskUID"],
            names.LABEL_RUN: str(spec["run"]),
            names.LABEL_STAGE: spec["template"]["name"],
            names.LABEL_ATTEMPT: str(attempt),
        }
        env = [{"name": "ASYNCTASK_CONFIG", "value": json.dumps(config or {})}]
        template = {
            "metadata": {"labels": labels},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "stage", "image": "x", "env": env}]},
        }
        name = name or names.child_name(
            spec["taskName"], spec["taskUID"], spec["template"]["name"], spec["run"], attempt
        )
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "ownerReferences": [_owner("Stage", names.API_VERSION, stage["metadata"])]},
            "spec": {"template": template, "managedBy": "example.com/tests", "backoffLimit": 0},
        }
        return await self.cluster.create(api.JOBS, self.namespace, body)

    async def pod(self, url: str, job: Object | None, *, held: bool = False, **owner: Any) -> Pod:
        """A pod of a Job, with a token bound to it. `owner` spoils the reference to the Job."""
        # the finalizer keeps a pod that the garbage collector or a test deletes where it is until `release`
        metadata: Object = {"name": f"pod-{next(_number)}", "finalizers": [FINALIZER] if held else []}
        if job:
            metadata["labels"] = job["spec"]["template"]["metadata"]["labels"]
            metadata["ownerReferences"] = [{**_owner("Job", "batch/v1", job["metadata"]), **owner}]
        containers = [{"name": "stage", "image": "x"}]
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}
        pod = await self.cluster.create(api.PODS, self.namespace, body)
        return Pod(pod, await self.token(pod), url, self.session)

    async def release(self, pod: Pod) -> None:
        """Let a held pod go."""
        await self.cluster.patch(api.PODS, self.namespace, pod.name, {"metadata": {"finalizers": None}})

    async def two_pods(self, url: str, stage: Object, attempt: int = 1) -> tuple[Pod, Pod]:
        """Two pods of one attempt, the older one first: its process goes on, but its node is given up."""
        first, second = await self.twins(url, stage, attempt)
        await self.ends(first, "Failed")
        return first, second

    async def twins(self, url: str, stage: Object, attempt: int = 1) -> tuple[Pod, Pod]:
        """Two pods of one attempt, the older one first, that both run."""
        job = await self.job(stage, attempt)
        first, second = sorted([await self.pod(url, job), await self.pod(url, job)], key=lambda pod: pod.order)
        return first, second

    async def ends(self, pod: Pod, phase: str) -> None:
        """What the cluster says of a pod's end."""
        await self.cluster.patch(api.PODS, self.namespace, pod.name, {"status": {"phase": phase}}, "status")

    async def worker(self, url: str, stage: Object | None = None, attempt: int = 1) -> Pod:
        """A pod of an attempt of a stage, of its own if none is given."""
        stage = stage or await self.stage()
        return await self.pod(url, await self.job(stage, attempt))

    async def token(self, pod: Object | None, audience: str = names.GATEWAY_AUDIENCE) -> str:
        """A token of the service account, bound to a pod if one is given."""
        spec: Object = {"audiences": [audience], "expirationSeconds": 3600}
        if pod:
            spec["boundObjectRef"] = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            }
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        tokens = api.Resource("", "v1", "serviceaccounts/default/token")
        return str((await self.cluster.create(tokens, self.namespace, request))["status"]["token"])

    async def read(self, stage: Object) -> Object:
        """The Stage as the API server has it."""
        return await self.cluster.get(api.STAGES, self.namespace, stage["metadata"]["name"])

    async def status(self, stage: Object) -> Object:
        """Its status."""
        return dict((await self.read(stage)).get("status", {}))

    async def written(self, stage: Object) -> Object:
        """What gateways have written into its status."""
        own = ("holder", "progress", "checkpoint", "completion", "itemErrors")
        return {name: value for name, value in (await self.status(stage)).items() if name in own}

    async def operator_writes(self, stage: Object, **status: Any) -> None:
        """A status write of the operator's."""
        await self.cluster.patch(api.STAGES, self.namespace, stage["metadata"]["name"], {"status": status}, "status")

    async def change_task(self, stage: Object, **spec: Any) -> None:
        """A change of the stage's task."""
        await self.cluster.patch(api.TASKS, self.namespace, stage["spec"]["taskName"], {"spec": spec})

    async def _create(
        self, resource: api.Resource, kind: str, name: str, spec: Object, owner: Object | None = None
    ) -> Object:
        metadata: Object = {"name": name, "ownerReferences": [owner] if owner else []}
        body = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        return await self.cluster.create(resource, self.namespace, body)


def _owner(kind: str, version: str, metadata: Object) -> Object:
    return {
        "apiVersion": version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
