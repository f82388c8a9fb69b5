"""What is made of a stage that is a pod: an ordered list of rules, the first that speaks wins."""

from collections.abc import Callable
from datetime import datetime, timedelta

from asynctask.api.reasons import Reason
from asynctask.api.status import Phase
from asynctask.core import displaced, evidence, lingering, manifests, stopping
from asynctask.core.evidence import Ending
from asynctask.core.jobends import ended, finished, over, started_over
from asynctask.core.look import Look
from asynctask.core.plan import Action, PatchStage, StartStage
from asynctask.core.times import duration, stamp
from asynctask.core.verdict import Verdict

Rule = Callable[[Look], Verdict | None]
STOPS = frozenset({"pause", "cancel", "yield"})
"""What may be wanted of a stage that means that its pod has to go."""


def judge(look: Look) -> Verdict:
    """Say what state a job stage is in and what is to be done about it."""
    for rule in RULES:
        if verdict := rule(look):
            return verdict
    raise AssertionError("the last rule always speaks")


def already_over(look: Look) -> Verdict | None:
    """A stage that ended stays ended."""
    stage = look.stage
    return over(stage) if stage else None


def reported_its_end(look: Look) -> Verdict | None:
    """The stage's own report outranks what became of its pod."""
    completion = look.stage.status.completion if look.stage else None
    if completion is None or completion.attempt != look.attempt or completion.outcome == "stopped":
        return None
    return ended(look, evidence.from_report(completion))


def pod_ended(look: Look) -> Verdict | None:
    """The pod ended: by success, by failure, or because someone deleted it. Disruptions are the Job controller's."""
    pod = look.pod
    ending = evidence.from_pod(pod) if pod else None
    if pod is None or ending is None:
        return None
    if ending.outcome in {"succeeded", "partial"} or ending.reason == Reason.DISK_LIMIT_EXCEEDED:
        return ended(look, ending)
    if pod.is_disrupted and ending.error_class != "permanent":
        return None
    stopped_by_us = look.job is not None and look.job.spec.suspend
    if ending.outcome == "stopped":
        return None if stopped_by_us or look.want in STOPS else started_over(look, "its pod was deleted")
    if stopped_by_us and ending.error_class != "permanent":
        return None  # whatever a pod says while it is being stopped, it is tried again on resume
    return ended(look, ending)


def job_ended(look: Look) -> Verdict | None:
    """The Job is over and its pod is gone: the Job's word is the only one left."""
    if look.job is None or look.live_pods:
        return None
    ending = evidence.from_job(look.job)
    if ending is None or (ending.reason == Reason.POD_LOST and look.want in STOPS):
        return None
    pod = look.pod
    if ending.reason == Reason.POD_LOST and look.job.spec.suspend:
        # told so by the gateway, a stage may go before its pod is deleted: to the Job controller that is a failure
        return started_over(look, "it was to stop, and its pod ended before it was deleted")
    if ending.reason == Reason.POD_LOST and pod is not None and pod.metadata.deletion_timestamp:
        return started_over(look, "its pod was deleted")
    return ended(look, ending)


def asked_to_stop(look: Look) -> Verdict | None:
    """Pause, cancel or yield: stop the pod by its Job, wait until it is gone, then say so."""
    if look.want not in STOPS:
        return None
    job = look.job
    if job is not None and not job.is_over and not job.is_held:
        marks = displaced.marks(look.facts) if look.want == "yield" else {}
        actions: tuple[Action, ...] = (stopping.stop(job, marks),)
        return _verdict(look, Phase.STOPPING, Reason.STOPPING, "saving a checkpoint", actions=actions, holds_slot=True)
    if look.live_pods or look.older_jobs or (job is not None and not (job.is_over or job.is_stopped)):
        actions = _stops_of_older(look)
        return _verdict(look, Phase.STOPPING, Reason.STOPPING, "saving a checkpoint", actions=actions, holds_slot=True)
    if look.want == "yield":
        return None  # it waits for its next turn, or out its back-off
    if look.want == "cancel":
        if look.stage is None:
            return _verdict(look, Phase.CANCELLED, Reason.CANCELLED)
        ending = Ending("failed", "permanent", Reason.CANCELLED, "cancelled", ended=look.now)
        return finished(look, Phase.CANCELLED, ending)
    return _verdict(look, Phase.PAUSED, Reason.SUSPENDED, "paused; set suspend to false to resume")


def older_pod_lives(look: Look) -> Verdict | None:
    """A pod of an earlier attempt is not gone yet: no stage runs twice at once."""
    older = next((pod for pod in look.live_pods if pod.metadata.attempt != look.attempt), None)
    if older is None:
        return None
    message = f"waiting for the pod of attempt {older.metadata.attempt} to end"
    when = lingering.due(look.stage, older, look.facts.limits) if look.stage else None
    if older.metadata.deletion_timestamp:
        message += f"; it was told to at {stamp(older.asked_to_stop_at)}"
    elif when is not None:
        message += f"; it has reported its end and is stopped at {stamp(when)}"
    actions = _stops_of_older(look)
    return _verdict(look, Phase.STARTING, Reason.STARTING, message, actions=actions, holds_slot=True)


def backs_off(look: Look) -> Verdict | None:
    """A failed attempt is followed by a pause."""
    retry_time = look.stage.status.retry_time if look.stage else None
    if look.job is not None or look.stage is None or retry_time is None or retry_time <= look.now:
        return None
    error = look.stage.status.last_error
    why = f": {error.message}" if error and error.message else ""
    left = duration((retry_time - look.now).total_seconds() + 1)
    message = f"attempt {look.attempt} begins at {stamp(retry_time)} (in {left} when this was written){why}"
    return _verdict(look, Phase.BACKING_OFF, Reason.BACKING_OFF, message[:1000], wake_at=retry_time)


def older_job_moves(look: Look) -> Verdict | None:
    """The Job of an earlier attempt may still make a pod: the next attempt waits until it is over, or has stopped."""
    jobs = look.older_jobs
    if not jobs:
        return None
    message = f"waiting for Job {jobs[0].metadata.name} of attempt {jobs[0].metadata.attempt} to stop"
    actions = _stops_of_older(look)
    return _verdict(look, Phase.STARTING, Reason.STARTING, message, actions=actions, holds_slot=True)


def is_refused(look: Look) -> Verdict | None:
    """The API server would not make its Job a moment ago: say why. It keeps its place; what retries is the queue."""
    message = look.facts.refusals.get(look.name)
    if message is None or look.job is not None:
        return None
    why = evidence.refusal(message)
    return _verdict(look, Phase.STARTING, why.reason, why.message, holds_slot=True)


def begins(look: Look) -> Verdict | None:
    """No Job for this attempt yet, or a suspended one: it may run once the queue admits it."""
    job = look.job
    if job is not None and (job.is_over or not (job.spec.suspend or job.is_held)):
        return None
    if look.live_pods:
        return _verdict(look, Phase.STOPPING, Reason.STOPPING, "waiting for its pod to end", holds_slot=True)
    if look.want == "hold":
        actions = (stopping.stop(job),) if job is not None and not job.is_held else ()
        return _verdict(look, Phase.PENDING, Reason.NOT_RUNNING, "another stage failed", actions=actions)
    if job is not None and not job.is_held:
        message = f"handed to Kueue; `kubectl -n {job.metadata.namespace} get workloads` says what it waits for"
        return _verdict(look, Phase.QUEUED, Reason.WAITING_FOR_KUEUE, message, holds_slot=True)
    if not look.facts.admission.admitted:
        answer = look.facts.admission
        if answer.reason == Reason.OUTSIDE_WINDOW:
            # Said by the queue, which looks at its clock now and then: keep the place in its line.
            asks = look.want != "yield"
            return _verdict(look, Phase.WAITING, answer.reason, answer.message, wants_slot=asks)
        return _verdict(look, Phase.QUEUED, answer.reason, answer.message, wants_slot=True)
    due = _remains_until(look)
    if due is not None and look.now < due:
        message = "what is left of its pod is on its way out"
        return _verdict(look, Phase.RUNNING, Reason.STARTING, message, holds_slot=True, wake_at=due)
    action: Action = stopping.go_on(job, displaced.no_marks(job)) if job is not None else _start(look)
    look_again = look.now + timedelta(seconds=look.facts.limits.pod_refused_seconds)
    return _verdict(look, Phase.RUNNING, Reason.STARTING, actions=(action,), holds_slot=True, wake_at=look_again)


def _remains_until(look: Look) -> datetime | None:
    """How long the remains of a stopped Job's pod are waited for: where a node is lost they stay for good.

    Beside a Job that goes on they would be taken for its pod, and what they say of the stop for the attempt's end.
    """
    return max(
        (
            pod.asked_to_stop_at + timedelta(seconds=look.facts.limits.linger_seconds)
            for pod in look.pods
            if look.job is not None and pod.metadata.is_owned_by(look.job.metadata.uid) and pod.asked_to_stop_at
        ),
        default=None,
    )


def is_not_replaced(look: Look) -> Verdict | None:
    """The cluster took the pod and its Job makes no other: the next attempt begins, and does not count.

    The Job controller waits 10 s before it replaces a pod, twice as long each time, up to ten minutes.
    """
    job, pod, limits = look.job, look.pod, look.facts.limits
    if job is None or look.live_pods or not (pod.is_disrupted if pod else look.had_pod):
        return None
    since = _pod_missing_since(look)
    if since is None:
        return None
    due = since + timedelta(seconds=limits.replacement_seconds)
    if look.now < due:
        message = "the cluster took its pod; another is on its way"
        return _verdict(look, Phase.RUNNING, Reason.STARTING, message, holds_slot=True, wake_at=due)
    why = pod.condition("DisruptionTarget") if pod else None
    how = f" ({why.reason})" if why and why.reason else ""
    text = f"the cluster took its pod{how}, and no other came within {duration(limits.replacement_seconds)}"
    return started_over(look, text, stop=True)


def is_leaving(look: Look) -> Verdict | None:
    """The pod is being deleted and not gone: nothing else may begin, however long a lost node takes to say so."""
    pod = look.pod
    if pod is None or not pod.is_live or pod.asked_to_stop_at is None:
        return None
    grace = timedelta(seconds=look.facts.limits.linger_seconds + (pod.metadata.deletion_grace_period_seconds or 0))
    due = pod.asked_to_stop_at + grace
    if look.now < due:
        return _verdict(look, Phase.RUNNING, Reason.STOPPING, "its pod is being deleted", holds_slot=True, wake_at=due)
    message = (
        f"pod {pod.metadata.name} was told to stop at {stamp(pod.asked_to_stop_at)} and is not gone; when its node is "
        "lost for good, `kubectl delete node` lets the stage go on elsewhere"
    )
    return _verdict(look, Phase.STARTING, Reason.POD_PENDING, message, holds_slot=True)


def cannot_start(look: Look) -> Verdict | None:
    """The pod does not come up: say why at once, fail after a while."""
    pod, job = look.pod, look.job
    limits = look.facts.limits
    if pod is None or not pod.is_live:
        since = _pod_missing_since(look)
        waited = (look.now - since).total_seconds() if since else 0.0
        if waited < limits.pod_refused_seconds:
            wake = look.now + timedelta(seconds=limits.pod_refused_seconds - waited)
            return _verdict(look, Phase.RUNNING, Reason.STARTING, holds_slot=True, wake_at=wake)
        said = look.facts.pod_refusals.get(job.metadata.uid, "") if job else ""
        why = evidence.no_pod(job.metadata.name if job else "", said)
    else:
        found = evidence.trouble(pod)
        if found is None:
            return None
        why, since = found, pod.metadata.creation_timestamp
    deadline = (since or look.now) + timedelta(seconds=limits.stuck_pod_seconds)
    if look.now < deadline:
        is_late = why.reason is Reason.POD_PENDING  # for the task to say: a Stage that told of it would cost two writes
        return _verdict(
            look, Phase.STARTING, why.reason, why.message, holds_slot=True, wake_at=deadline, is_told=not is_late
        )
    message = f"not started within {duration(limits.stuck_pod_seconds)}: {why.message}"
    return ended(look, Ending("failed", "permanent", why.reason, message[:1000], ended=look.now), stop=True)


def _pod_missing_since(look: Look) -> datetime | None:
    """Since when a pod has been due; None while the Job controller has not yet seen that the Job goes on.

    An evicted pod leaves no object, and its Job's start may be days ago: what counts is when it was seen to go, or,
    where nobody saw it, when we began to look.
    """
    pod, job = look.pod, look.job
    if job is None or job.condition("Suspended"):
        return None
    terminated = pod.state.terminated if pod else None
    moments = (
        job.status.start_time or job.metadata.creation_timestamp,
        look.facts.pods_gone.get(job.metadata.uid) or look.facts.known_since,
        (terminated.finished_at if terminated else None) or (pod.metadata.deletion_timestamp if pod else None),
    )
    return max((moment for moment in moments if moment), default=None)


def runs(look: Look) -> Verdict:
    """Nothing speaks against it: it runs, or is about to."""
    running = look.pod is not None and look.pod.state.running is not None
    return _verdict(look, Phase.RUNNING, Reason.RUNNING if running else Reason.STARTING, holds_slot=True)


RULES: tuple[Rule, ...] = (
    already_over,
    reported_its_end,
    pod_ended,
    job_ended,
    asked_to_stop,
    older_pod_lives,
    backs_off,
    older_job_moves,
    is_refused,
    begins,
    is_leaving,
    is_not_replaced,
    cannot_start,
    runs,
)


def _stops_of_older(look: Look) -> tuple[Action, ...]:
    """Suspend the Jobs of earlier attempts, but for those that end by themselves and those whose pod has its grace."""
    actions: list[Action] = []
    for job in look.older_jobs:
        pods = [pod for pod in look.pods if pod.metadata.is_owned_by(job.metadata.uid)]
        live = [pod for pod in pods if pod.is_live and pod.state.terminated is None]
        if live:
            leaves = look.stage and any(lingering.due(look.stage, pod, look.facts.limits) for pod in live)
        else:
            leaves = any(pod.is_live or not pod.is_disrupted for pod in pods)
        if not (leaves or job.is_held):
            actions.append(stopping.stop(job))
    return tuple(actions)


def _start(look: Look) -> StartStage:
    task, template = look.facts.task, look.template
    body = None if look.stage else manifests.stage(task, template, look.resolved.locations, look.inputs)
    job = manifests.job(task, template, look.resolved, look.attempt, look.facts.pod_settings)
    return StartStage(look.name, body, job)


def _verdict(
    look: Look,
    phase: Phase,
    reason: Reason | str,
    message: str = "",
    *,
    actions: tuple[Action, ...] = (),
    holds_slot: bool = False,
    wants_slot: bool = False,
    wake_at: datetime | None = None,
    is_told: bool = True,
) -> Verdict:
    """A verdict on a stage that has not ended; its Stage is told when the phase that people see is another."""
    stage = look.stage
    shown = Phase.RUNNING if phase is Phase.QUEUED else phase
    if is_told and stage is not None and phase is not Phase.QUEUED and (stage.status.phase or Phase.RUNNING) != shown:
        actions = (*actions, PatchStage(look.name, {"phase": shown, "message": message[:1024]}))
    return Verdict(
        phase,
        reason,
        message,
        actions,
        holds_slot,
        wants_slot,
        wake_at,
        stage,
        started=look.started,
    )
