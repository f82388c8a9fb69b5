"""A task with all that is known of it, for its page."""

from collections.abc import Mapping
from typing import Any

from asynctask.api import names
from asynctask.core import statuses
from asynctask.gateway.front.tasks import rows
from asynctask.gateway.front.tasks.rows import Row

Object = Mapping[str, Any]
HIDDEN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration", names.ANNOTATION_ONCES)


def wide(body: Object) -> dict[str, Any]:
    """The parts that lists leave out."""
    spec, status = body.get("spec", {}), body.get("status", {})
    return {
        "config": spec.get("config", {}),
        "stages": [stage_line(line) for line in status.get("stages", ())],
        "progress": status.get("progress"),
        "display": status.get("display"),
        "waitingFor": status.get("waiting"),
        "conditions": status.get("conditions", []),
        "runs": [{**line, "status": statuses.of(line.get("phase"))} for line in status.get("runs", ())],
        "labels": body["metadata"].get("labels", {}),
    }


def stage_line(line: Object) -> dict[str, Any]:
    """A stage of the current run, its state in both words."""
    return {**line, "status": statuses.of(line.get("phase"))}


def cells(row: Row, body: Object | None, fields: frozenset[str]) -> dict[str, Any]:
    """A row with the fields that were asked for; its id always."""
    found = rows.shown(row) | (wide(body) if body is not None else {})
    return {name: value for name, value in found.items() if value is not None and (name in fields or name == "taskId")}


def whole(row: Row, body: Object) -> dict[str, Any]:
    """Everything."""
    spec, metadata = body.get("spec", {}), body["metadata"]
    annotations = metadata.get("annotations", {})
    found = rows.shown(row) | wide(body)
    found |= {
        "spec": spec,
        "annotations": {key: text for key, text in annotations.items() if key not in HIDDEN_ANNOTATIONS},
        "generation": metadata.get("generation"),
        "resourceVersion": metadata.get("resourceVersion"),
        "reason": annotations.get(names.ANNOTATION_ACTION_REASON),
    }
    return {name: value for name, value in found.items() if value is not None}
