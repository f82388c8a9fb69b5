"""What a replica that begins to lead counts before it admits anybody: who runs, who was pushed out, who waited."""

from datetime import datetime

from asynctask.adapters.store import Entry, Key, Store
from asynctask.core.admission.model import Running, Task
from asynctask.core.observed import Job
from asynctask.scheduling import Scheduler


def recall(store: Store, scheduler: Scheduler) -> tuple[list[Key], dict[Key, str]]:
    """Tell the scheduler; returns the tasks that run, and those that may ask for a place with their queues.

    Earlier starts count against the rate of starts, so they are told in their order.
    """
    held = sorted(_running(store), key=lambda running: running.started)
    for running in held:
        scheduler.hold(running)
    for uid, jobs in store.jobs.items():
        key = store.key_of_uid.get(uid)
        for job in jobs.values() if key else ():
            if key and (at := job.metadata.annotations.displaced_time):
                scheduler.recall_displacement(store.tasks[key].queue, at.timestamp())
    for key, entry in store.tasks.items():
        if entry.queued_priority:
            scheduler.recall(Task(key, entry.queue, _submitted(entry), entry.queued_priority))
    unknown = {k: entry.queue for k, entry in store.tasks.items() if not (entry.queued_priority or entry.is_over)}
    running_keys = [running.task.key for running in held]
    scheduler.expect(running_keys, unknown.items())
    return running_keys, unknown


def _running(store: Store) -> list[Running]:
    """The tasks with a Job that may have a pod, or with a pod that is still there, with all that is known so far."""
    found = []
    for uid, jobs in store.jobs.items():
        key = store.key_of_uid.get(uid)
        if key is None:
            continue
        active = [job for job in jobs.values() if job.may_work]
        if active or any(pod.is_live for pod in store.pods.get(uid, {}).values()):
            entry = store.tasks[key]
            starts = [moment.timestamp() for job in active if (moment := _started(job))]
            task = Task(key, entry.queue, _submitted(entry))
            found.append(Running(task, max(starts, default=_submitted(entry))))
    return found


def _started(job: Job) -> datetime | None:
    return job.status.start_time or job.metadata.creation_timestamp


def _submitted(entry: Entry) -> float:
    return datetime.fromisoformat(entry.submitted).timestamp() if entry.submitted else 0.0
