"""What a decision about one schedule rests on, how far it has come, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.taskschedule import LeftOut, TaskSchedule
from asynctask.core.schedules import cron
from asynctask.core.schedules.tasks import TaskLine


@dataclass(frozen=True, slots=True)
class Facts:
    """One schedule and its tasks at one moment."""

    schedule: TaskSchedule
    template_spec: Mapping[str, Any]
    """The tasks' spec, as it was written."""
    tasks: tuple[TaskLine, ...]
    now: datetime
    refused: str = ""
    """Why the API server would not have the task that was just decided on."""

    @property
    def active(self) -> tuple[TaskLine, ...]:
        """Its tasks that have not ended."""
        return tuple(task for task in self.tasks if not task.ended)

    @property
    def offset(self) -> timedelta:
        """How much later than the clock says its runs start."""
        meta = self.schedule.metadata
        return cron.offset(meta.namespace, meta.name, self.schedule.spec.jitter_seconds)

    @property
    def timing(self) -> str:
        """What its times are reckoned by."""
        return f"{self.schedule.spec.schedule} {self.schedule.spec.time_zone}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Cancel, make, say, delete: in this order."""

    cancel: tuple[TaskLine, ...] = ()
    create: Mapping[str, Any] | None = None
    status: Mapping[str, Any] | None = None
    delete: tuple[TaskLine, ...] = ()
    wake_at: datetime | None = None
    left_out: Reason | None = None
    """A run was left out just now."""


@dataclass(frozen=True, slots=True)
class State:
    """How far the schedule has come."""

    decided_until: datetime
    waiting: datetime | None
    is_fresh: bool = False
    """What waits came due since the last look."""
    last_time: datetime | None = None
    last_task: str = ""
    run_now: int = 0
    left_out: LeftOut | None = None
    create: Mapping[str, Any] | None = None
    cancel: tuple[TaskLine, ...] = ()
