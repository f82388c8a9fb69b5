"""Schedules that come at the same minute."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from support.estate import Estate
from support.operators import OperatorProcess
from support.schedules import WAIT, make

pytestmark = pytest.mark.long


def test_starts_of_many_are_spread(estate: Estate, operator: OperatorProcess) -> None:
    count = 100
    for number in range(count):
        make(estate, f"many-{number}", "* * * * *", WAIT, jitterSeconds=45, concurrencyPolicy="Queue")

    def all_made(objects: Any) -> bool:
        return sum(name.startswith("many-") for name in objects) >= count

    found = estate.api.until_all(estate.path("asynctasks"), all_made, within=150, why="all are made")
    for number in range(count):
        estate.api.merge(estate.path("taskschedules", f"many-{number}"), {"spec": {"suspend": True}})
    first: dict[str, datetime] = {}
    for name, task in found.items():
        if name.startswith("many-"):
            made = datetime.fromisoformat(task["metadata"]["creationTimestamp"])
            schedule = task["metadata"]["labels"]["asynctask.io/schedule"]
            first[schedule] = min(made, first.get(schedule, made))
    by_second = Counter(first.values())
    assert max(by_second.values()) <= 12
    assert len(by_second) >= 25
