"""One job stage of the current run and what was observed of it."""

from dataclasses import dataclass
from datetime import datetime

from asynctask.api.stage import Stage, StageInput
from asynctask.api.templates import Retry, StageTemplate
from asynctask.core import evidence, manifests
from asynctask.core.facts import Facts, Resolved, Want
from asynctask.core.observed import Job, Pod


@dataclass(frozen=True, slots=True)
class Look:
    """One stage of the current run and what was observed of it."""

    facts: Facts
    resolved: Resolved
    template: StageTemplate
    stage: Stage | None
    inputs: tuple[StageInput, ...]
    want: Want
    job: Job | None
    pods: tuple[Pod, ...]

    @property
    def now(self) -> datetime:
        """The moment of the facts."""
        return self.facts.now

    @property
    def attempt(self) -> int:
        """The current attempt."""
        return self.stage.status.attempt if self.stage else 1

    @property
    def pod(self) -> Pod | None:
        """The pod that speaks for the attempt, of those that its Job owns: labels prove nothing, anyone can write them.

        The youngest, as a rule. When the answer to the creation of a pod is lost, the Job controller may make another
        beside it and delete one of the two: then it is the one that ended well, else the one that may go on.
        """
        mine = [pod for pod in self.pods if self.job is not None and pod.metadata.is_owned_by(self.job.metadata.uid)]
        if len(mine) < 2:
            return mine[0] if mine else None
        return max(mine, key=lambda pod: (_weight(pod), pod.metadata.creation_timestamp or self.now, pod.metadata.uid))

    @property
    def live_pods(self) -> tuple[Pod, ...]:
        """Pods of any attempt whose process may still do something."""
        return tuple(pod for pod in self.pods if pod.is_live)

    @property
    def had_pod(self) -> bool:
        """Whether the attempt had a pod once: it was seen to go, or has reported."""
        if self.job is not None and self.job.metadata.uid in self.facts.pods_gone:
            return True
        holder = self.stage.status.holder if self.stage else None
        return holder is not None and holder.attempt == self.attempt

    @property
    def older_jobs(self) -> tuple[Job, ...]:
        """Jobs of earlier attempts that may still have a pod, or make one."""
        if self.stage is None or self.attempt == 1:
            return ()
        uid = self.stage.metadata.uid
        return tuple(
            job
            for job in self.facts.jobs.values()
            if job.metadata.attempt < self.attempt
            and job.metadata.is_owned_by(uid)
            and not (job.is_over or job.is_stopped)
        )

    @property
    def retry(self) -> Retry:
        """The retry policy in force."""
        return self.template.retry or self.resolved.retry

    @property
    def name(self) -> str:
        """The Stage object's name."""
        return manifests.stage_name(self.facts.task, self.template.name)

    @property
    def started(self) -> datetime | None:
        """When the stage began."""
        return self.stage.metadata.creation_timestamp if self.stage else None


def _weight(pod: Pod) -> int:
    ending = evidence.from_pod(pod)
    if ending is not None and ending.outcome in {"succeeded", "partial"}:
        return 2
    return 1 if pod.is_live and pod.metadata.deletion_timestamp is None else 0
