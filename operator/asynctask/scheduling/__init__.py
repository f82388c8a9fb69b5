"""Who may run: the pure core of admission is told of all that changes, and its answers are brought to the tasks."""

from asynctask.scheduling.scheduler import Scheduler

__all__ = ["Scheduler"]
