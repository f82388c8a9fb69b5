"""What the routes of tasks work with, put together at the first call."""

from dataclasses import dataclass
from typing import Self

from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.tasks.archived import ArchivedTasks
from asynctask.gateway.front.tasks.bulk import Bulk
from asynctask.gateway.front.tasks.checking import Checks
from asynctask.gateway.front.tasks.desk import Tasks
from asynctask.gateway.front.tasks.live import LiveTasks
from asynctask.gateway.front.tasks.managing import Managing
from asynctask.gateway.front.tasks.submitting import Submitting

PART = "tasks"


@dataclass(frozen=True)
class Office:
    """One for each gateway."""

    desk: Desk
    live: LiveTasks
    archived: ArchivedTasks | None
    tasks: Tasks
    checks: Checks
    submitting: Submitting
    managing: Managing
    bulk: Bulk

    @classmethod
    def of(cls, desk: Desk) -> Self:
        """That of this gateway."""
        if PART not in desk.parts:
            desk.parts[PART] = cls._made(desk)
        found: Self = desk.parts[PART]
        return found

    @classmethod
    def _made(cls, desk: Desk) -> Self:
        cluster, view = desk.cluster, desk.view
        live, archived = (
            LiveTasks(view),
            ArchivedTasks(desk.archive, desk.writer) if desk.archive and desk.writer else None,
        )
        tasks, checks = Tasks(cluster, live, archived), Checks(cluster, view)
        managing = Managing(cluster, view, tasks)
        return cls(
            desk=desk,
            live=live,
            archived=archived,
            tasks=tasks,
            checks=checks,
            submitting=Submitting(cluster, view, checks),
            managing=managing,
            bulk=Bulk(live, tasks, managing),
        )
