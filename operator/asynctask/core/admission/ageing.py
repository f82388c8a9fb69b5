"""Waiting makes more urgent, so that nobody waits for ever.

Slurm adds an age factor to a job's priority (PriorityWeightAge, PriorityMaxAge: multifactor priority plugin); here
age counts in whole classes, which people can reckon in their heads: one class for each `promote_after_seconds`, never
above 1.

**How long a task can wait.** Let a queue be open, P its `promote_after_seconds`, and let a task T of priority p be
asked for at time t. From t + (p - 1)P on T is in class 1 and nobody is in a more urgent one. Within the class, and
the namespace, order is that of submit times: whoever was submitted after T goes after T. So from then on only those
go first that already waited at t (B of them, at most), and whatever the overload, what comes later does not count.
Where all tasks take one of m places for at most D seconds, m of them start in any D seconds, so T waits at most

    (p - 1) * P + ceil((B + 1) / m) * D

With fair shares, B counts T's namespace and m is its weight's part of the places. Where sizes differ, a task that
does not fit is overtaken for `head_of_line_seconds` (H), then what ends is kept for it and it starts within D: at
worst one task each H + D instead of m each D. All times are those in which the task's windows are open.
"""

from asynctask.core.admission.model import MOST_URGENT, Running, Task

AWAY_SECONDS = 60.0


def effective(priority: int, waited: float, promote_after: float | None) -> int:
    """The class of a task that has waited so long: its priority, raised."""
    if not promote_after or waited < promote_after:
        return priority
    return max(MOST_URGENT, priority - int(waited // promote_after))


def away(task: Task) -> float:
    """Time that does not count as waiting, in whole minutes, so that tasks stay alike that were away for a moment."""
    return task.away_seconds // AWAY_SECONDS * AWAY_SECONDS


def opened(task: Task) -> float | None:
    """Whoever waited for a window ages as if it had come then, in whole minutes: all who stood there stay alike."""
    if not task.shut_seconds:
        return None
    return (task.submitted + task.away_seconds + task.shut_seconds) // AWAY_SECONDS * AWAY_SECONDS


def waiting_class(task: Task, now: float, promote_after: float | None) -> int:
    """The class of a task that waits."""
    since = opened(task)
    return effective(task.priority, now - (task.submitted + away(task) if since is None else since), promote_after)


def running_class(running: Running, promote_after: float | None) -> int:
    """The class that a running task had when it started: what waiting has earned it, preemption doesn't take away."""
    return waiting_class(running.task, running.started, promote_after)


def longest_wait(priority: int, ahead: int, places: int, longest_run: float, promote_after: float) -> float:
    """The bound above, in seconds: `ahead` waited when the task was submitted, none runs longer than `longest_run`."""
    return (priority - 1) * promote_after + -(-(ahead + 1) // places) * longest_run
