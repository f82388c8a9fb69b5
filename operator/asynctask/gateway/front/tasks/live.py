"""The tasks of the cluster, from the view."""

import asyncio
from collections.abc import Sequence

from asynctask.api.status import Phase
from asynctask.core import tasklists
from asynctask.core.tasklists import Filter, Place
from asynctask.gateway.front.problems import Unavailable
from asynctask.gateway.front.tasks.rows import Row, moment
from asynctask.gateway.front.view import TaskRow, View

KNOWN_SECONDS = 5.0
"""A gateway that has just started waits for so long to know the cluster, before it sends callers elsewhere."""


async def known(view: View) -> None:
    """Return once the view holds all there is: what was shown before would have silent gaps. Raises Unavailable."""
    if view.is_known:
        return
    try:
        async with asyncio.timeout(KNOWN_SECONDS):
            await view.known()
    except TimeoutError:
        raise Unavailable(retry_after=1) from None


class LiveTasks:
    """What lists and pages ask of the view."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def known(self) -> None:
        """Return once all tasks of the cluster are known. Raises Unavailable."""
        await known(self._view)

    def page(self, wanted: Filter, after: Place | None, limit: int) -> Sequence[Row]:
        """The newest of those wanted, after a place."""
        return [row(task) for task in tasklists.first(self.matching(wanted), _place, limit, after)]

    def matching(self, wanted: Filter) -> list[TaskRow]:
        """All of those wanted, in no order."""
        found = self._view.all_tasks(wanted.namespaces)
        checks = wanted.checks()
        if not checks:
            return list(found)
        return [task for task in found if all(check(task) for check in checks)]

    def find(self, task_id: str) -> Row | None:
        """A task by its uid."""
        task = self._view.task(task_id)
        return None if task is None else row(task)

    async def arrived(self, task_id: str, seconds: float) -> Row | None:
        """The same, waited for: a task that another replica has just taken."""
        try:
            with self._view.listen("task") as listener:
                async with asyncio.timeout(seconds):
                    while (found := self.find(task_id)) is None:
                        await listener.next()
        except TimeoutError:
            return None
        return found


def row(task: TaskRow) -> Row:
    """A task of the view, as lists show it."""
    is_current = task.run in (0, task.asked_run)  # a new run begins with a clean slate
    return Row(
        task_id=task.uid,
        namespace=task.namespace,
        name=task.name,
        type=task.type,
        phase=task.phase if is_current else Phase.PENDING,
        priority=task.priority,
        queue=task.queue,
        owner=task.owner,
        submitted=task.submitted,
        run=task.asked_run,
        stage=task.stage if is_current else "",
        percent=task.percent if is_current else None,
        message=task.message if is_current else "",
        waiting=task.waiting.reason if is_current and task.waiting else "",
        schedule=task.schedule,
        started=moment(task.started) if is_current and task.started is not None else None,
        ended=moment(task.ended) if is_current and task.ended is not None else None,
        item_errors=task.item_error_count if is_current else 0,
        version=str(task.version),
    )


def _place(task: TaskRow) -> Place:
    return (task.submitted, task.uid)
