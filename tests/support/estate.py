"""A namespace with an acted kubelet: tasks are submitted, watched and checked here."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from support.kubelet import ActedKubelet, Life
from support.nodeapi import NodeApi

from asynctask.api.names import API_VERSION, LABEL_TASK_UID

Body = dict[str, Any]
_numbers = itertools.count(1)


def job(name: str, **template: Any) -> Body:
    """A stage that is a pod."""
    resources = {"requests": {"cpu": "1m", "memory": "1Mi"}}
    return {
        "name": name,
        **template,
        "job": {"image": "example/acted:1", "resources": resources, **template.get("job", {})},
    }


def summary(task: Mapping[str, Any]) -> str:
    """`True Succeeded`, `Unknown Running`, …; empty before the first status."""
    return condition(task, "Succeeded")


def condition(task: Mapping[str, Any], kind: str) -> str:
    """Status and reason of a condition."""
    found = [c for c in task.get("status", {}).get("conditions", ()) if c["type"] == kind]
    return f"{found[0]['status']} {found[0]['reason']}" if found else ""


class Estate:
    """What a test needs of the cluster."""

    def __init__(self, kubeconfig: Path, namespace: str, kubelet: ActedKubelet) -> None:
        self.api = NodeApi(kubeconfig, namespace=namespace)
        self.namespace = namespace
        self.kubelet = kubelet
        self.submitted: dict[str, tuple[str, ...]] = {}

    def close(self) -> None:
        """Delete the namespace; its content goes by itself."""
        self.api.close()
        self.api.call("DELETE", f"/api/v1/namespaces/{self.namespace}")
        self.api.close()

    def path(self, plural: str, name: str = "") -> str:
        """The URL path of a kind of ours in this namespace."""
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def submit(self, *stages: Body, name: str = "", **spec: Any) -> str:
        """Create a task; returns its name."""
        name = name or f"task-{next(_numbers)}"
        if stages:
            spec["stages"] = list(stages)
        self.api.create({"kind": "AsyncTask", "metadata": {"name": name}, "spec": spec})
        self.submitted[name] = tuple(stage["name"] for stage in stages)
        return name

    def change(self, name: str, **spec: Any) -> None:
        """Change fields of a task's spec."""
        self.api.merge(self.path("asynctasks", name), {"spec": spec})

    def task(self, name: str) -> Body:
        """The task now."""
        return self.api.get(self.path("asynctasks", name))

    def until(self, name: str, said: str, within: float = 20) -> Body:
        """The task, once its summary is this: `True Succeeded`."""
        return self.api.until(
            self.path("asynctasks", name), lambda task: summary(task) == said, within=within, why=f"{name}: {said}"
        )

    def until_condition(self, name: str, kind: str, said: str, within: float = 20) -> Body:
        """The task, once a condition is this."""
        path = self.path("asynctasks", name)
        return self.api.until(path, lambda task: condition(task, kind) == said, within=within, why=f"{name}: {said}")

    def until_holds(self, name: str, holds: Callable[[Body], Any], within: float = 20, why: str = "") -> Body:
        """The task, once something holds of it."""
        return self.api.until(self.path("asynctasks", name), holds, within=within, why=why or name)

    def until_all_ended(self, names: list[str], within: float) -> dict[str, Body]:
        """The tasks, once the runs asked for of all of them have ended."""

        def have_ended(objects: Mapping[str, Body]) -> bool:
            return all(name in objects and _has_ended(objects[name]) for name in names)

        found = self.api.until_all(self.path("asynctasks"), have_ended, within=within, why=f"{len(names)} tasks end")
        return {name: found[name] for name in names}

    def stages_of(self, name: str) -> list[Body]:
        """Its Stage objects."""
        uid = self.task(name)["metadata"]["uid"]
        items: list[Body] = self.api.get(f"{self.path('stages')}?labelSelector={LABEL_TASK_UID}%3D{uid}")["items"]
        return items

    def pods_of(self, name: str) -> list[Body]:
        """Its pods."""
        items: list[Body] = self.api.get(self._pods_path(name))["items"]
        return items

    def until_pods_of(self, name: str, holds: Callable[[Body], bool], within: float = 20) -> None:
        """Return once it has pods, and something holds of each."""

        def all_hold(pods: Mapping[str, Body]) -> bool:
            return bool(pods) and all(map(holds, pods.values()))

        self.api.until_all(self._pods_path(name), all_hold, within=within, why=f"pods of {name}")

    def until_running(self, name: str, stage: str, within: float = 20) -> None:
        """Return once a pod of the stage runs."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=asynctask.io%2Fstage%3D{stage}"

        def runs(pods: Mapping[str, Body]) -> bool:
            return any(
                pod["metadata"]["annotations"].get("asynctask.io/task") == name
                and pod.get("status", {}).get("phase") == "Running"
                and not pod["metadata"].get("deletionTimestamp")
                for pod in pods.values()
            )

        self.api.until_all(path, runs, within=within, why=f"stage {stage} of {name} runs")

    def _pods_path(self, name: str) -> str:
        uid = self.task(name)["metadata"]["uid"]
        return f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={LABEL_TASK_UID}%3D{uid}"

    def until_nothing_is_left_of(self, uid: str, within: float = 60) -> None:
        """Return once no Stage, Job or pod carries the task's uid."""
        selector = f"?labelSelector={LABEL_TASK_UID}%3D{uid}"
        for path in (
            self.path("stages"),
            f"/apis/batch/v1/namespaces/{self.namespace}/jobs",
            f"/api/v1/namespaces/{self.namespace}/pods",
        ):
            self.api.until_all(path + selector, lambda objects: not objects, within=within, why=f"{path} goes")


def check(lives: list[Life]) -> None:
    """No stage ran twice at once, and none ran again after it had ended well."""
    by_stage: dict[tuple[str, str], list[Life]] = {}
    for life in lives:
        by_stage.setdefault((life.task, life.stage), []).append(life)
    for (task, stage), those in by_stage.items():
        those.sort(key=lambda life: life.begun)
        for before, after in itertools.pairwise(those):
            ended = before.ended if before.ended is not None else float("inf")
            assert ended <= after.begun, f"{task}/{stage} ran twice at once: {before} {after}"
            again = before.run == after.run and before.exit_code == 0
            assert not again, f"{task}/{stage} ran again after it had ended well: {before} {after}"


def _has_ended(task: Body) -> bool:
    is_current = task.get("status", {}).get("run") == task["spec"].get("run", 1)
    return is_current and summary(task).startswith(("True", "False"))
