"""One action on all tasks of the cluster that a filter takes: counted first, done only to those that were counted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from asynctask.core.statuses import ENDED
from asynctask.core.tasklists import Filter
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.problems import BadRequest, Conflict, NotFound, Refusal
from asynctask.gateway.front.tasks import live
from asynctask.gateway.front.tasks.desk import Tasks, bounded
from asynctask.gateway.front.tasks.live import LiveTasks
from asynctask.gateway.front.tasks.managing import Action, Managing, Wish
from asynctask.gateway.front.tasks.rows import Row
from asynctask.gateway.front.view import TaskRow

MAX_TASKS = 5000
SAMPLE = 20
AT_ONCE = 8


class SelectionChanged(Conflict):
    """Other tasks match now than were counted. Params: count, digest."""

    code = "SelectionChanged"


class SelectionTooLarge(BadRequest):
    """More tasks match than one call may change. Params: count, max."""

    code = "SelectionTooLarge"


@dataclass(frozen=True)
class Selection:
    """The tasks that an action would change."""

    rows: Sequence[Row]
    digest: str
    """Of the action and these very tasks."""


@dataclass(frozen=True)
class Failure:
    """A task that it could not be done to."""

    row: Row
    code: str


class Bulk:
    """Counts, then acts."""

    def __init__(self, tasks: LiveTasks, desk: Tasks, managing: Managing) -> None:
        self._live = tasks
        self._tasks = desk
        self._managing = managing

    def select(self, wanted: Filter, wish: Wish) -> Selection:
        """The tasks that the filter takes and that the action makes sense for. Raises SelectionTooLarge."""
        found = [
            live.row(task) for task in self._live.matching(wanted) if not task.is_leaving and _makes_sense(task, wish)
        ]
        if len(found) > MAX_TASKS:
            raise SelectionTooLarge(count=len(found), max=MAX_TASKS)
        found.sort(key=lambda row: row.place, reverse=True)
        text = f"{wish.action} {wish.stage} {wish.priority} " + " ".join(row.task_id for row in found)
        return Selection(found, hashlib.sha256(text.encode()).hexdigest())

    async def act(self, call: Call, wanted: Filter, wish: Wish, digest: str) -> tuple[Selection, list[Failure]]:
        """Do it to all that were counted; gives those that it failed for. Raises SelectionChanged."""
        selection = self.select(wanted, wish)
        if selection.digest != digest:
            raise SelectionChanged(count=len(selection.rows), digest=selection.digest)

        async def one(row: Row) -> Failure | None:
            try:
                await self._managing.act(call, row.task_id, wish)
            except NotFound:
                return None  # it is gone, and wants nothing more
            except Refusal as refusal:
                return Failure(row, refusal.code)
            return None

        results = await bounded(selection.rows, one, AT_ONCE)
        return selection, [failure for failure in results if failure]


def _makes_sense(task: TaskRow, wish: Wish) -> bool:
    row = live.row(task)
    has_ended = row.status in ENDED
    by_action: dict[Action, bool] = {
        "pause": not has_ended and not task.suspend,
        "resume": not has_ended and task.suspend,
        "cancel": not has_ended and not task.cancel,
        "restart": has_ended,
        "prioritize": not has_ended and task.priority != wish.priority,
        "delete": not task.is_deleting,
    }
    return by_action[wish.action]
