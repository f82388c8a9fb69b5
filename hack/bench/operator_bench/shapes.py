"""What is submitted: tasks of one or two stages, and the bare Jobs that they are compared with."""

from dataclasses import dataclass
from typing import Any, Literal

from asynctask.api import names

Object = dict[str, Any]
IMAGE = "registry.invalid/none"
"""Never pulled: the pods are simulated."""
LABEL_ITEM, LABEL_STEP = "bench/item", "bench/step"


@dataclass(frozen=True)
class Shape:
    """One kind of work: so many pods one after the other, as a task or as bare Jobs."""

    kind: Literal["task", "jobs"]
    steps: int

    @property
    def label(self) -> str:
        """As tables have it."""
        if self.kind == "task":
            return "task, one stage" if self.steps == 1 else f"task, {self.steps} stages"
        return "bare Job" if self.steps == 1 else f"{self.steps} chained Jobs"

    def step_name(self, step: int) -> str:
        """The name of a step, from 0."""
        return f"step-{step + 1}"


def task(item: str, steps: int, *, queue: str = "", job: Object | None = None) -> Object:
    """An AsyncTask with stages of its own."""
    stage = {"image": IMAGE, **(job or {})}
    spec: Object = {"stages": [{"name": f"step-{step + 1}", "job": stage} for step in range(steps)]}
    if queue:
        spec["queueName"] = queue
    return {"apiVersion": names.API_VERSION, "kind": "AsyncTask", "metadata": {"name": item}, "spec": spec}


def bare_job(item: str, step: int) -> Object:
    """The least that a person would write for one step."""
    labels = {LABEL_ITEM: item, LABEL_STEP: f"step-{step + 1}"}
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": IMAGE}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{item}-{step + 1}", "labels": labels},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
