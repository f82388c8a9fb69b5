"""How a Job's pod is stopped, and let go on: by the Job itself, or by the Workload where Kueue starts and stops Jobs.

Kueue writes `spec.suspend` of the Jobs that carry its label: it would start one that we suspend, and stop one that we
start. What it leaves to others is the `active` field of the Workload that it makes for each Job: inactive, the Job is
stopped and queued no more (https://kueue.sigs.k8s.io/docs/concepts/workload/#active).
"""

from collections.abc import Mapping

from asynctask.api import names
from asynctask.core.observed import Job
from asynctask.core.plan import Action, HoldWorkload, SuspendJob

Annotations = Mapping[str, str | None]


def stop(job: Job, annotations: Annotations | None = None) -> SuspendJob | HoldWorkload:
    """Have its pod stopped, and nobody start another."""
    if not job.is_kueues:
        return SuspendJob(job.metadata.name, suspend=True, annotations=annotations or {})
    notes = {**(annotations or {}), names.ANNOTATION_HELD: "true"}
    return HoldWorkload(job.metadata.name, job.metadata.uid, hold=True, annotations=notes)


def go_on(job: Job, annotations: Annotations | None = None) -> SuspendJob | HoldWorkload:
    """Let it have a pod again; with Kueue, when it is that Job's turn."""
    if not job.is_kueues:
        return SuspendJob(job.metadata.name, suspend=False, annotations=annotations or {})
    notes = {**(annotations or {}), names.ANNOTATION_HELD: None}
    return HoldWorkload(job.metadata.name, job.metadata.uid, hold=False, annotations=notes)


def is_stop(action: Action) -> bool:
    """Whether the action stops a pod."""
    return (isinstance(action, SuspendJob) and action.suspend) or (isinstance(action, HoldWorkload) and action.hold)
