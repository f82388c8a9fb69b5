"""When a status that only informs is worth a write.

Nothing rests on a task's status while it runs: it is reckoned anew from its Stages. So a change waits a moment for
company, and short tasks cost fewer writes: one that only waits, for a place or for its pod to begin, some moments
longer. Progress is written at a fixed pace.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any, Literal

import orjson

from asynctask.adapters.store import Key
from asynctask.api.status import Phase
from asynctask.core.mergepatch import difference
from asynctask.settings import OperatorSettings

BUSY_SECONDS = 30.0
"""While the operator or the API server have more to do than they can, a status that only informs waits up to this long:
work goes first, and most tasks of a flood have ended by then."""
BUSY_PAUSE_SECONDS = 5.0

Urgency = Literal["now", "soon", "progress", "queued"]


class Displays:
    """For each task, when its status last was written and since when it has differed."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._written: dict[Key, float] = {}
        self._noticed: dict[Key, float] = {}
        self._sent: dict[Key, int] = {}

    def delay(
        self, key: Key, current: Mapping[str, Any], wanted: Mapping[str, Any], urgency: Urgency, *, busy: bool = False
    ) -> float:
        """Seconds until the wanted status should be written; 0 for now."""
        if urgency == "now":
            return 0.0
        now = monotonic()
        noticed = self._noticed.setdefault(key, now)
        if urgency == "queued" or wanted.get("phase") == Phase.STARTING:
            due = noticed + self._settings.queued_display_delay_seconds
        elif _is_significant(current, wanted):
            due = noticed + self._settings.display_delay_seconds
        else:
            paced = self._written.get(key, float("-inf")) + self._settings.progress_period_seconds
            due = max(noticed + self._settings.display_delay_seconds, paced)
        if busy and due <= now < noticed + BUSY_SECONDS:
            return BUSY_PAUSE_SECONDS
        return max(0.0, due - now)

    def was_sent(self, key: Key, wanted: Mapping[str, Any]) -> bool:
        """Whether this very status was the last one written: what the server made of it is its business."""
        return self._sent.get(key) == _digest(wanted)

    def written(self, key: Key, wanted: Mapping[str, Any]) -> None:
        """The status has been written."""
        self._written[key] = monotonic()
        self._sent[key] = _digest(wanted)
        self._noticed.pop(key, None)

    def unchanged(self, key: Key) -> None:
        """The status is as it should be."""
        self._noticed.pop(key, None)

    def forget(self, key: Key) -> None:
        """The task has ended or is gone."""
        self._written.pop(key, None)
        self._noticed.pop(key, None)
        self._sent.pop(key, None)


def only_words_differ(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a status would say the same in other words.

    A task that waits has said so, and how many were ahead; a queue of thousands can't tell each of them of every step.
    """
    return not difference(_without_words(current), _without_words(wanted))


def _without_words(status: Mapping[str, Any]) -> dict[str, Any]:
    lists = {
        name: [{key: value for key, value in line.items() if key != "message"} for line in status.get(name, ())]
        for name in ("conditions", "stages")
    }
    return {**status, **lists, "message": ""}


def _is_significant(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether people would call it another state: the phase or the status of a condition."""
    if current.get("phase") != wanted.get("phase") or current.get("run", 0) != wanted.get("run"):
        return True
    before = {item["type"]: item["status"] for item in current.get("conditions", ())}
    return any(before.get(item["type"]) != item["status"] for item in wanted.get("conditions", ()))


def _digest(status: Mapping[str, Any]) -> int:
    """Eight bytes in place of three kilobytes a task, of which ten thousands may wait."""
    return hash(orjson.dumps(status, option=orjson.OPT_SORT_KEYS))
