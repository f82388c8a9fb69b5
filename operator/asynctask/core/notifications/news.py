"""What an object, as the cluster has it, is worth telling of.

Level-triggered: asked about the same object any number of times, the answer holds the same events under the same ids.
So nothing need be remembered about what was seen, and a gateway that was away for an hour loses none.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from asynctask.api import names
from asynctask.api.reasons import Reason
from asynctask.api.status import Phase
from asynctask.core.notifications.events import NOTHING, Event, Kind, News

Object = Mapping[str, Any]
ENDED = {
    Phase.SUCCEEDED: Kind.SUCCEEDED,
    Phase.PARTIAL: Kind.PARTIALLY_SUCCEEDED,
    Phase.FAILED: Kind.FAILED,
    Phase.CANCELLED: Kind.CANCELLED,
}
EXPIRY_LEAD = timedelta(hours=4)
"""A review is called for again this long before it expires, at most."""
EXPIRY_LEAD_SHARE = 0.25
"""And not before this share of its time is left: one that lasts an hour is recalled after three quarters of it."""
MAX_MESSAGE = 1024
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Of an object that says no time: too old to be told of."""


def of_task(task: Object) -> News:
    """What a task has to tell: its end, that it can't run as written, that it may miss its deadline."""
    status, run = task.get("status") or {}, (task.get("spec") or {}).get("run", 1)
    events = []
    if status.get("phase") == Phase.INVALID:
        generation = task["metadata"].get("generation", 1)
        since = _condition(status, "Admitted").get("lastTransitionTime")
        events.append(_task_event(task, Kind.INVALID, str(generation), since, _problem(status)))
    elif status.get("run") == run and status.get("completionTime") and (kind := ENDED.get(status.get("phase", ""))):
        events.append(_task_event(task, kind, str(run), status["completionTime"], _end(status)))
    risk = _condition(status, "AtRisk")
    if risk.get("status") == "True" and status.get("run") == run:
        since = risk.get("lastTransitionTime")
        about = {"message": risk.get("message", ""), "reason": risk.get("reason", "")}
        events.append(_task_event(task, Kind.DEADLINE_AT_RISK, f"{run}/{since}", since, about))
    return News(tuple(events)) if events else NOTHING


def of_stage(stage: Object, task: Object | None) -> News:
    """What an approval stage has to tell: that a decision is wanted, and later that it soon will be too late.

    The task, where it is known, says who began it, its type and priority.
    """
    spec, status, meta = stage.get("spec") or {}, stage.get("status") or {}, stage["metadata"]
    approval = (spec.get("template") or {}).get("approval")
    if approval is None:
        return NOTHING
    uid = str(meta["uid"])
    wanted_id, expiring_id = f"stage/{uid}/wanted", f"stage/{uid}/expiring"
    if status.get("completionTime") or meta.get("deletionTimestamp"):
        return News(settled=(wanted_id, expiring_id))
    asked = _time(status.get("startTime")) or _time(meta.get("creationTimestamp"))
    seconds = approval.get("expiresAfterSeconds")
    expires = asked + timedelta(seconds=seconds) if asked and seconds else None
    about: dict[str, Any] = {
        "stage": (spec.get("template") or {}).get("name", ""),
        "object": meta["name"],
        "message": approval.get("message", ""),
        "approvers": _approvers(approval, "users"),
        "approverGroups": _approvers(approval, "groups"),
        "expires": expires.isoformat() if expires else None,
        "atExpiry": approval.get("atExpiry", "Reject"),
    }
    whose: Object = task or {"metadata": {"namespace": meta.get("namespace", ""), "name": spec.get("taskName", "")}}
    common = {"task_id": str(spec.get("taskUID", "")), "subject": uid}
    events = [_task_event(whose, Kind.REVIEW_WANTED, "", asked, about, id=wanted_id, **common)]
    if asked and expires:
        due = expires - min(EXPIRY_LEAD, (expires - asked) * EXPIRY_LEAD_SHARE)
        events.append(_task_event(whose, Kind.REVIEW_EXPIRING, "", due, about, id=expiring_id, due=due, **common))
    return News(tuple(events))


def of_schedule(schedule: Object) -> News:
    """What a schedule has to tell: that its last good result is too old, will be, or is young enough again."""
    meta, status = schedule["metadata"], schedule.get("status") or {}
    told = _condition(status, "Fresh")
    if not told:
        return NOTHING
    last = (status.get("lastSuccess") or {}).get("task", "")
    stale, predicted = f"schedule/{meta['uid']}/stale/{last}", f"schedule/{meta['uid']}/predicted/{last}"
    if told.get("status") == "False":
        kind, id_ = Kind.SCHEDULE_STALE, stale
    elif told.get("reason") == Reason.MISS_PREDICTED:
        kind, id_ = Kind.MISS_PREDICTED, predicted
    elif told.get("status") == "True":
        kind, id_ = Kind.SCHEDULE_FRESH, f"schedule/{meta['uid']}/fresh/{last}"
    else:
        return NOTHING
    event = Event(
        id=id_,
        kind=kind,
        time=_time(told.get("lastTransitionTime")) or _time(meta.get("creationTimestamp")) or LONG_AGO,
        namespace=meta.get("namespace", ""),
        subject=meta["uid"],
        name=meta["name"],
        task_type=_spec_of_schedule(schedule).get("type", ""),
        priority=_spec_of_schedule(schedule).get("priority") or 3,
        schedule=meta["name"],
        series=f"freshness/{meta['uid']}",
        params={"message": told.get("message", ""), "reason": told.get("reason", ""), "lastTask": last},
    )
    return News((event,))


def gone(kind: str, uid: str) -> News:
    """An object has left the cluster: a review of it need not be called for any more."""
    return News(settled=(f"stage/{uid}/wanted", f"stage/{uid}/expiring")) if kind == "Stage" else NOTHING


def _task_event(task: Object, kind: Kind, key: str, since: Any, params: Mapping[str, Any], **more: Any) -> Event:
    meta, spec, status = task["metadata"], task.get("spec") or {}, task.get("status") or {}
    uid = str(meta.get("uid", ""))
    schedule = next((r for r in meta.get("ownerReferences", ()) if r.get("kind") == "TaskSchedule"), None)
    values: dict[str, Any] = {
        "id": f"task/{uid}/{kind}/{key}" if kind not in ENDED.values() else f"task/{uid}/end/{key}",
        "kind": kind,
        "time": since if isinstance(since, datetime) else _time(since) or _time(meta.get("creationTimestamp")),
        "namespace": meta.get("namespace", ""),
        "subject": uid,
        "name": meta.get("name", ""),
        "task_id": uid,
        "task_type": spec.get("type") or "",
        "priority": status.get("priority") or spec.get("priority") or 3,
        "queue": spec.get("queueName") or names.DEFAULT_QUEUE,
        "initiator": (meta.get("annotations") or {}).get(names.ANNOTATION_SUBMITTED_BY, ""),
        "schedule": schedule["name"] if schedule else "",
        "series": f"series/{schedule['uid'] if schedule else uid}",
        "params": {"run": spec.get("run", 1), **params},
        "notify": tuple(spec.get("notify") or ()),
        **more,
    }
    values["time"] = values["time"] or LONG_AGO
    return Event(**values)


def _end(status: Object) -> dict[str, Any]:
    summary = _condition(status, "Succeeded")
    failed: Object = next((s for s in status.get("stages", ()) if s.get("phase") == Phase.FAILED), {})
    return {
        "message": (status.get("message") or summary.get("message", ""))[:MAX_MESSAGE],
        "reason": summary.get("reason", ""),
        "stage": failed.get("name", ""),
        "started": status.get("startTime"),
        "ended": status.get("completionTime"),
        "itemErrors": status.get("itemErrorCount", 0),
    }


def _problem(status: Object) -> dict[str, Any]:
    admitted = _condition(status, "Admitted")
    return {"message": status.get("message") or admitted.get("message", ""), "reason": admitted.get("reason", "")}


def _approvers(approval: Object, kind: str) -> list[str]:
    """The users, or the groups, who are asked by name."""
    approvers = approval.get("approvers") or {}
    return [str(name) for name in (approvers.get(kind) or ()) if name] if isinstance(approvers, Mapping) else []


def _spec_of_schedule(schedule: Object) -> Object:
    spec: Object = ((schedule.get("spec") or {}).get("taskTemplate") or {}).get("spec") or {}
    return spec


def _condition(status: Object, kind: str) -> Object:
    return next((c for c in status.get("conditions", ()) if c.get("type") == kind), {})


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


__all__ = ["gone", "of_schedule", "of_stage", "of_task"]
