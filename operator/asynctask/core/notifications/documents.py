"""Events as plain data, and back: how they are stored and passed between processes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asynctask.core.notifications.events import Event, Kind

_TIMES = ("time", "due")
_KINDS = ("kind", "turn")


def to_document(event: Event) -> dict[str, Any]:
    """The event as JSON can hold it; what is empty is left out."""
    document: dict[str, Any] = {}
    for name in Event.__dataclass_fields__:
        value = getattr(event, name)
        if isinstance(value, datetime):
            value = value.isoformat()
        if value not in (None, "", (), {}):
            document[name] = value
    return document


def from_document(document: Mapping[str, Any]) -> Event:
    """The event of a document. Fields that a later release added are passed over."""
    values = {name: value for name, value in document.items() if name in Event.__dataclass_fields__}
    values |= {name: datetime.fromisoformat(values[name]) for name in _TIMES if values.get(name)}
    values |= {name: Kind(values[name]) for name in _KINDS if values.get(name)}
    values["notify"] = tuple(values.get("notify", ()))
    return Event(**{"subject": "", "name": "", "namespace": "", **values})
