"""Who may follow what: asked when a topic is taken up, and again and again while it is followed."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.stream.client import Grant
from asynctask.gateway.front.stream.topics import Topic
from asynctask.gateway.front.view import View

if TYPE_CHECKING:
    from asynctask.gateway.front.auth.access import Access

ARRIVAL_SECONDS = 1.0
"""A task that another replica has just taken is here within this time, or was never there."""
REFUSAL_SECONDS = 1.1
TASKS, STAGES, QUEUES = "asynctasks", "stages", "taskqueues"


class Rights:
    """Grants topics to callers, by the same rights that the rest of the API asks for."""

    def __init__(self, access: "Access", view: View) -> None:
        self._access = access
        self._view = view

    async def grant(self, caller: Caller, topic: Topic) -> Grant | None:
        """What the caller gets of the topic; None: nothing, whether it does not exist or is not theirs to see."""
        match topic.kind:
            case "tasks" | "overview":
                return await self._in_namespaces(caller, topic)
            case "queues":
                allowed = await self._access.allowed(caller, "list", QUEUES, "")
                return Grant(topic) if allowed else None
            case "task" | "logs":
                return await self._of_task(caller, topic)
        return Grant(topic)  # notifications are the caller's own

    async def _in_namespaces(self, caller: Caller, topic: Topic) -> Grant | None:
        allowed = await self._access.namespaces(caller, "list", TASKS)
        if asked := topic.wanted.namespaces:
            allowed = asked if allowed is None else asked & allowed
        return None if allowed is not None and not allowed else Grant(topic, allowed)

    async def _of_task(self, caller: Caller, topic: Topic) -> Grant | None:
        begun = monotonic()
        row = await self._view.arrived(topic.task, ARRIVAL_SECONDS)
        if row is not None:
            resource, name = (TASKS, row.name) if topic.kind == "task" else (STAGES, "")
            if await self._access.allowed(caller, "get", resource, row.namespace, name):
                return Grant(topic, namespace=row.namespace)
        # however long it took to know, it looks the same to who may not
        await asyncio.sleep(max(0.0, begun + REFUSAL_SECONDS - monotonic()))
        return None
