"""`/api/v1/queues`: who of those that wait may run, and when."""

from typing import Annotated, Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.api.base import LabelName
from asynctask.api.taskqueue import TaskQueueSpec
from asynctask.gateway.front import kept
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.objects import KeptObject, Kind, Objects
from asynctask.gateway.front.operations import Answer, Operation
from asynctask.gateway.front.problems import InvalidField, NotFound, PreconditionFailed
from asynctask.gateway.front.tasks.models import Labels

TAG = "queues"
_, ONE = kept.places(TAG, namespaced=False)
KIND = Kind("TaskQueue", api.QUEUES, lambda view: view.queues)
Annotations = Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32)]


class QueueChange(Camel):
    """A queue as it shall be."""

    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)
    spec: TaskQueueSpec


class NewQueue(QueueChange):
    """A queue to make."""

    name: LabelName


class Hold(Camel):
    """How a queue is held."""

    suspend_running: bool = False
    """What runs saves a checkpoint, stops and waits too."""


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on queues."""
    queues = Objects(KIND)

    async def hold(call: Call) -> Answer:
        body: Hold = call.body or Hold()
        return await queues.patch(call, {"suspend": True, "suspendRunning": body.suspend_running}, "suspend")

    async def release(call: Call) -> Answer:
        return await queues.patch(call, {"suspend": False, "suspendRunning": False}, "resume")

    change: dict[str, Any] = {"answer": KeptObject, "errors": (NotFound, InvalidField, PreconditionFailed)}
    return (
        *kept.operations(queues, tag=TAG, name="Queue", noun="queue", new=NewQueue, change=QueueChange),
        Operation(
            "POST",
            f"{ONE}/suspend",
            "suspendQueue",
            "Start nothing from it",
            TAG,
            hold,
            body=Hold,
            body_optional=True,
            **change,
            takes_version=True,
        ),
        Operation(
            "POST",
            f"{ONE}/resume",
            "resumeQueue",
            "Start tasks from it again",
            TAG,
            release,
            **change,
            takes_version=True,
        ),
    )
