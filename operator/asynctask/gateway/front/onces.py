"""Changes of objects that are made once, though a replica is killed between making them and saying so.

Under an Idempotency-Key each leaves its mark on the object in the very write that makes it. So whoever repeats it on
another replica is answered that it is made: no second run begins, and no version has moved on unasked.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from asynctask.adapters.archive.access import digest
from asynctask.api import names
from asynctask.gateway.front.calls import Call

KEPT = 8
"""Marks of one object: of so many changes one after the other each can still be repeated."""
LENGTH = 20
SPACE = uuid.UUID("0d7a4f0e-6a5e-5f0b-9c55-8f4be6a3c1d2")


def is_made(call: Call, metadata: Mapping[str, Any]) -> bool:
    """Whether the object has the mark of this very change."""
    return bool(call.once) and _mark(call) in _marks(metadata)


def mark(call: Call, metadata: Mapping[str, Any]) -> dict[str, str]:
    """The annotation to write with the change; none without a key."""
    if not call.once:
        return {}
    kept = [*_marks(metadata), _mark(call)][-KEPT:]
    return {names.ANNOTATION_ONCES: ",".join(kept)}


def new_id(call: Call) -> str:
    """The id of something that a call makes: the same for the same Idempotency-Key."""
    return str(uuid.uuid5(SPACE, call.once) if call.once else uuid.uuid4())


def _mark(call: Call) -> str:
    return digest(call.once, call.request_digest)[:LENGTH]


def _marks(metadata: Mapping[str, Any]) -> list[str]:
    text: str = (metadata.get("annotations") or {}).get(names.ANNOTATION_ONCES, "")
    return [one for one in text.split(",") if one]
