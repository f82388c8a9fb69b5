"""A namespace with tasks in it, told in sentences: `lab.backup(share).until_copied(0.5).pause()`."""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.nodeapi import NodeApi, Object
from support.nodetrees import USER

from asynctask.api.names import API_VERSION, LABEL_ATTEMPT, LABEL_RUN, LABEL_STAGE, LABEL_TASK_UID
from localcluster import Cluster, storage

CLAIM = "nas"
CHECKPOINT_SECONDS = 2
GRACE_SECONDS = 15
TEST_IMAGE = "asynctask/stage-test:dev"


@dataclass(frozen=True)
class Share:
    """A storage endpoint over a directory of this machine, with a source and a target in it."""

    name: str
    directory: Path

    @property
    def source(self) -> Path:
        """What is backed up, on this machine."""
        return self.directory / "in"

    @property
    def target(self) -> Path:
        """Where the copy goes, on this machine."""
        return self.directory / "out"

    @property
    def config(self) -> dict[str, str]:
        """The two as users write them."""
        return {"source_path": f"/nas/{self.name}/in", "destination_path": f"/nas/{self.name}/out"}


class Lab:
    """One namespace, under the restricted pod security standard, over one directory of this machine."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self.namespace = f"nas-{secrets.token_hex(3)}"
        self.api = NodeApi(cluster.kubeconfig, self.namespace)

    def open(self) -> None:
        """Make the namespace and its two claims."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        self.cluster.kubectl.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}
        )
        storage.claim(self.cluster.kubectl, self.namespace, CLAIM, self.directory / "nas")
        storage.claim(self.cluster.kubectl, self.namespace, "asynctask-workspace", self.directory / "workspace")

        quick = {"checkpointPeriodSeconds": CHECKPOINT_SECONDS, "terminationGracePeriodSeconds": GRACE_SECONDS}
        shipped = self.api.get(f"/apis/{API_VERSION}/tasktypes/file-backup")["spec"]
        for stage in shipped["stages"]:
            stage["job"] |= quick
        self.type = self.namespace
        self._create("TaskType", self.type, shipped)

    def close(self) -> None:
        """Delete all of it but the directory."""
        kubectl = self.cluster.kubectl
        kubectl("delete", "namespace", self.namespace, "--timeout=120s", timeout=150)
        kubectl("delete", "tasktype", self.type)
        kubectl("delete", "pv", f"{self.namespace}-{CLAIM}", f"{self.namespace}-asynctask-workspace")
        self.api.close()

    def share(self, name: str, megabytes_per_second: int | None = None) -> Share:
        """A storage endpoint `/nas/NAME` with an empty source and an empty target."""
        share = Share(name, self.directory / "nas" / name)
        for directory in (share.directory, share.source, share.target):
            directory.mkdir(exist_ok=True)
            os.chown(directory, USER, USER)
        limits = {"limits": {"megabytesPerSecond": megabytes_per_second}} if megabytes_per_second else {}
        volume = {"claimName": CLAIM, "subPath": name}
        self._create("StorageEndpoint", name, {"path": f"/nas/{name}", "volume": volume, **limits})
        return share

    def set_limit(self, share: Share, megabytes_per_second: int | None) -> None:
        """Change the endpoint's limit."""
        path = f"/apis/{API_VERSION}/namespaces/{self.namespace}/storageendpoints/{share.name}"
        self.api.merge(path, {"spec": {"limits": {"megabytesPerSecond": megabytes_per_second}}})

    def task(self, name: str, **spec: Any) -> "Task":
        """Submit a task."""
        return Task(self.api, self._create("AsyncTask", name, {"retry": {"backoffSeconds": 1}, **spec}))

    def backup(self, share: Share, name: str = "", **config: Any) -> "Task":
        """Submit a backup of a share's source to its target."""
        return self.task(name or share.name, type=self.type, config={**share.config, **config})

    def shell(self, name: str, *scripts: str, **spec: Any) -> "Task":
        """Submit a task of shell scripts, each a stage `s1`, `s2` … of an image that knows nothing of us."""
        stages = [{"name": f"s{i}", "job": shell(script)} for i, script in enumerate(scripts, 1)]
        return self.task(name, stages=stages, **spec)

    def _create(self, kind: str, name: str, spec: Object) -> Object:
        return self.api.create({"kind": kind, "metadata": {"name": name}, "spec": spec})


class Task:
    """A task that has been submitted."""

    def __init__(self, api: NodeApi, created: Object) -> None:
        self.api = api
        self.name: str = created["metadata"]["name"]
        self.uid: str = created["metadata"]["uid"]
        self.namespace: str = created["metadata"]["namespace"]
        self._ours = f"/apis/{API_VERSION}/namespaces/{self.namespace}"
        self._jobs = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        self._selector = f"labelSelector={LABEL_TASK_UID}%3D{self.uid}"
        self.path = f"{self._ours}/asynctasks/{self.name}"

    # -- what is asked of it

    def change(self, **spec: Any) -> None:
        """Patch its spec."""
        self.api.merge(self.path, {"spec": spec})

    def run_again(self, run: int, **spec: Any) -> "Task":
        """Raise its run."""
        self.change(run=run, **spec)
        return self

    def delete(self) -> None:
        """Delete it, in the background as kubectl does."""
        self.api.call("DELETE", self.path)

    # -- what becomes of it

    @property
    def object(self) -> Object:
        """The task now."""
        return self.api.get(self.path)

    def until(self, holds: Callable[[Object], Any], *, within: float, why: str) -> Object:
        """The task, once `holds` is true of its status."""
        return self.api.until(self.path, lambda task: holds(task.get("status", {})), within=within, why=why)

    def until_phase(self, phase: str, within: float = 30) -> Object:
        """The task, once its phase is this."""
        return self.until(lambda status: status.get("phase") == phase, within=within, why=f"{self.name} is {phase}")

    def ending(self, run: int = 1, within: float = 90) -> Object:
        """The task, once this run has ended, well or not."""
        return self.until(
            lambda status: status.get("run") == run and summary(status).get("status") in {"True", "False"},
            within=within,
            why=f"run {run} of {self.name} ends",
        )

    def succeeds(self, run: int = 1, within: float = 90) -> Object:
        """The task, once this run has ended, and in full."""
        task = self.ending(run, within)
        assert task["status"]["phase"] == "Succeeded", task["status"]
        return task

    def stage_path(self, name: str, run: int = 1, within: float = 30) -> str:
        """Where the Stage object of a stage is, once it exists."""
        wanted = f"{self._selector},{LABEL_STAGE}%3D{name},{LABEL_RUN}%3D{run}"
        why = f"stage {name} of {self.name} begins"
        found = self.api.until_all(f"{self._ours}/stages?{wanted}", bool, within=within, why=why)
        return f"{self._ours}/stages/{next(iter(found))}"

    def stage(self, name: str, run: int = 1) -> Object:
        """The Stage object of a stage."""
        return self.api.get(self.stage_path(name, run))

    def until_stage(
        self, name: str, holds: Callable[[Object], Any], *, run: int = 1, within: float = 60, why: str = ""
    ) -> Object:
        """The Stage, once `holds` is true of its status."""
        path = self.stage_path(name, run, within)
        why = why or f"stage {name} of {self.name}"
        return self.api.until(path, lambda stage: holds(stage.get("status", {})), within=within, why=why)

    def until_copied(self, size: int, *, stage: str = "content", run: int = 1, within: float = 60) -> Object:
        """The Stage, once it has reported so many bytes done and saved a checkpoint of at least half of them."""
        return self.until_stage(
            stage,
            lambda status: bytes_done(status) >= size and checkpointed(status) >= size // 2,
            run=run,
            within=within,
            why=f"{self.name} has copied {size} bytes",
        )

    def pods(self, stage: str = "", attempt: int | None = None) -> list[Object]:
        """Its pods, oldest first."""
        found = self.api.get(self._pods_path(stage, attempt))["items"]
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def until_runs(
        self, stage: str, *, attempt: int | None = None, other_than: tuple[str, ...] = (), within: float = 60
    ) -> Object:
        """The pod of a stage, once its container runs."""
        pods = self.api.until_all(
            self._pods_path(stage, attempt),
            lambda pods: any(_runs(pod) and pod["metadata"]["uid"] not in other_than for pod in pods.values()),
            within=within,
            why=f"a pod of {self.name} runs {stage}",
        )
        return next(pod for pod in pods.values() if _runs(pod) and pod["metadata"]["uid"] not in other_than)

    def jobs(self, stage: str = "") -> list[Object]:
        """Its Jobs: one an attempt."""
        more = f",{LABEL_STAGE}%3D{stage}" if stage else ""
        found: list[Object] = self.api.get(f"{self._jobs}?{self._selector}{more}")["items"]
        return found

    def remains(self) -> Iterator[str]:
        """What there is of it."""
        for path in self._collections():
            for item in self.api.get(path)["items"]:
                yield item["metadata"]["name"]

    def until_nothing_remains(self, within: float = 60) -> None:
        """Return once nothing that belonged to it exists."""
        self.api.until_gone(self.path, within=within)
        for path in self._collections():
            self.api.until_all(path, lambda found: not found, within=within, why=f"what {self.name} had goes")

    def _collections(self) -> tuple[str, ...]:
        return self._pods_path(), f"{self._jobs}?{self._selector}", f"{self._ours}/stages?{self._selector}"

    def _pods_path(self, stage: str = "", attempt: int | None = None) -> str:
        wanted = self._selector + (f",{LABEL_STAGE}%3D{stage}" if stage else "")
        wanted += f",{LABEL_ATTEMPT}%3D{attempt}" if attempt else ""
        return f"/api/v1/namespaces/{self.namespace}/pods?{wanted}"


def shell(script: str, **more: Any) -> Object:
    """A job stage that is a shell script."""
    return {"image": TEST_IMAGE, "command": ["sh", "-c", script], "terminationGracePeriodSeconds": 2, **more}


def summary(status: Object) -> Object:
    """The condition `Succeeded`."""
    found = [each for each in status.get("conditions", ()) if each["type"] == "Succeeded"]
    return found[0] if found else {}


def bytes_done(status: Object) -> int:
    """What a Stage's status says of its progress."""
    return int((status.get("progress") or {}).get("bytesDone", 0))


def checkpointed(status: Object) -> int:
    """Bytes that a Stage's checkpoint holds for done."""
    return int((status.get("checkpoint") or {}).get("data", {}).get("bytesDone", 0))


def _runs(pod: Object) -> bool:
    states = [each.get("state", {}) for each in pod.get("status", {}).get("containerStatuses", ())]
    return "deletionTimestamp" not in pod["metadata"] and any("running" in state for state in states)
