"""When schedules will start tasks: previews while one is written, and a calendar of all of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from time import monotonic
from typing import Any

from asynctask.core.schedules import cron
from asynctask.core.schedules.cron import Cron

MAX_ENTRIES = 5000
MAX_EACH = 1500
"""Of one schedule: every minute of a day."""
SECONDS = 5.0

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One start to come."""

    time: datetime
    namespace: str
    name: str
    type: str
    suspended: bool


@dataclass(frozen=True)
class Calendar:
    """The starts of a range of time, in order."""

    entries: tuple[Entry, ...]
    is_cut: bool
    """There are more of them than are told."""


def calendar(schedules: Iterable[Object], since: datetime, until: datetime) -> Calendar:
    """The starts from one moment on and before another."""
    deadline, cut = monotonic() + SECONDS, False

    def bounded(schedule: Object) -> Iterator[Entry]:
        nonlocal cut
        for number, entry in enumerate(starts(schedule, since, until)):
            if number == MAX_EACH or monotonic() > deadline:
                cut = True
                return
            yield entry

    found = merge(*(bounded(schedule) for schedule in schedules), key=lambda entry: (entry.time, entry.name))
    entries = tuple(islice(found, MAX_ENTRIES + 1))
    return Calendar(entries[:MAX_ENTRIES], cut or len(entries) > MAX_ENTRIES)


def starts(schedule: Object, since: datetime, until: datetime) -> Iterator[Entry]:
    """The starts of one schedule; none of one that is not valid. Its jitter is in them."""
    meta, spec = schedule["metadata"], schedule["spec"]
    known = cron.parse(spec["schedule"], spec.get("timeZone", "UTC"))
    if not isinstance(known, Cron):
        return
    namespace, name = meta.get("namespace", ""), meta["name"]
    offset = cron.offset(namespace, name, spec.get("jitterSeconds", 0))
    template = spec.get("taskTemplate", {}).get("spec", {})
    for tick in known.after(since - offset - timedelta(seconds=1)):
        start = tick + offset
        if start >= until:
            return
        if start >= since:
            yield Entry(start, namespace, name, template.get("type", ""), bool(spec.get("suspend")))
