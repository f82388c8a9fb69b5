"""A call's changes as audit records."""

import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from asynctask.adapters.archive.audit import AuditRecord
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.front.calls import AuditEntry, Call
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Refusal

MAX_DOCUMENT = 16 * 1024
"""Before and after are kept up to this size each; of what is larger, only its size."""


def of(operation: Operation, call: Call, status: int, refusal: Refusal | None) -> list[AuditRecord]:
    """What the call changed, or was refused."""
    return [_record(call, entry, status, refusal) for entry in call.audited or _guessed(operation, call)]


def _guessed(operation: Operation, call: Call) -> Sequence[AuditEntry]:
    """For a handler that noted nothing, most often because it refused: what the path says."""
    path = call.path
    name = path.get("name") or next((value for key, value in path.items() if key != "namespace"), "")
    return (AuditEntry(operation.name, path.get("namespace", ""), operation.tag, name, path.get("task_id", "")[:36]),)


def _record(call: Call, entry: AuditEntry, status: int, refusal: Refusal | None) -> AuditRecord:
    caller = call.caller
    return AuditRecord(
        audit_id=str(uuid.uuid4()),
        time=micros(call.desk.now()),
        caller=caller.name,
        via=f"apikey:{caller.key}"[:32] if caller.key else caller.via,
        address=caller.address,
        action=entry.action,
        kind=entry.kind,
        namespace=entry.namespace,
        name=entry.name,
        object_id=entry.uid[:36],
        status=status,
        code=refusal.code if refusal else "",
        request_id=call.request_id,
        before=_bounded(entry.before),
        after=_bounded(entry.after),
    )


def _bounded(document: Any) -> Any:
    if document is None:
        return None
    raw = orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS)
    return orjson.loads(raw) if len(raw) <= MAX_DOCUMENT else {"bytes": len(raw)}
