"""What of a change is told to those who follow a topic."""

from collections.abc import Iterable

from asynctask.core.tasklists import Filter
from asynctask.gateway.front.stream.client import Grant
from asynctask.gateway.front.stream.events import Event
from asynctask.gateway.front.view.changes import Change
from asynctask.gateway.front.view.rows import StageRow, TaskRow


def newest(changes: Iterable[Change]) -> Iterable[Change]:
    """One change for each object: from how it was before all of them to how it is after."""
    merged: dict[tuple[str, str], Change] = {}
    for change in changes:
        key = (change.kind, change.known.uid)
        old = merged.pop(key, None)
        if old is not None:
            change = Change(change.kind, change.row, old.before)
        if change.row is not None or change.before is not None:  # else it came and went within the round
            merged[key] = change
    return merged.values()


def in_list(wanted: Filter, namespaces: frozenset[str] | None, event: Event) -> str:
    """How a list hears of a change: as a line, as gone, or not at all."""
    row, before = event.row, event.before
    if namespaces is not None and event.known.namespace not in namespaces:
        return ""
    if isinstance(row, TaskRow) and wanted.takes(row):
        return "line"
    return "gone" if isinstance(before, TaskRow) and wanted.takes(before) else ""


def frame_for(grant: Grant, event: Event) -> bytes | None:
    """What a client that follows a topic gets of an event that it missed."""
    topic, row = grant.topic, event.known
    if isinstance(row, TaskRow):
        if topic.kind == "tasks":
            how = in_list(topic.wanted, grant.namespaces, event)
            return event.frame("tasks", how) if how else None
        if topic.kind == "task" and topic.task == row.uid:
            return event.frame(topic.name, "whole" if event.row else "gone")
    elif isinstance(row, StageRow):
        if topic.kind == "task" and topic.task == row.task_uid:
            return event.frame(topic.name, "stage")
    elif topic.kind == "queues":
        return event.frame("queues", "queue")
    return None
