"""Schedules that come at the same minute."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from support.auditlog import AuditLog
from support.estate import Estate
from support.operators import OperatorProcess
from support.schedules import WAIT, is_due_since, make, told

pytestmark = pytest.mark.long

DUE = 200


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


@pytest.mark.timeout(400)
def test_hundreds_due_in_the_same_second_make_one_task_each_though_the_operator_is_killed_meanwhile(
    estate: Estate, operator: OperatorProcess, audit: AuditLog
) -> None:
    schedules = [f"due-{number:03}" for number in range(DUE)]
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda name: make(estate, name, "*/9 * * * *", WAIT), schedules))
        estate.api.until_all(
            estate.path("taskschedules"),
            lambda found: all(told(found[name].get("status") or {}, "Ready") == "True Scheduled" for name in schedules),
            within=60,
            why="all are ready",
        )
        operator.kill()  # so that all come due at once, when it is back
        list(pool.map(lambda path: is_due_since(estate, path, days=1), paths))
    operator.start()
    tasks = estate.path("asynctasks")

    def some_are_made(found: Any) -> bool:
        return sum(name.startswith("due-") for name in found) >= DUE // 4

    made = estate.api.until_all(tasks, some_are_made, within=90, why="a quarter is made")
    assert sum(name.startswith("due-") for name in made) < DUE, "the kill comes too late to tell anything"
    operator.kill()
    operator.start().leading()
    estate.api.until_all(
        estate.path("taskschedules"),
        lambda found: all((found[name].get("status") or {}).get("lastSuccess") for name in schedules),
        within=120,
        why="each has had its run",
    )
    by_schedule = Counter(
        task["metadata"]["labels"]["asynctask.io/schedule"]
        for name, task in estate.api.until_all(tasks, bool, within=10, why="there are tasks").items()
        if name.startswith("due-")
    )
    assert by_schedule == dict.fromkeys(schedules, 1)
    written = Counter((w.name, w.what) for w in audit.all() if w.namespace == estate.namespace)
    costs = {name: written[name, "patch taskschedules/status"] for name in schedules}
    assert max(costs.values()) <= 3, "ready, made, ended"
    for path in paths:
        estate.api.merge(path, {"spec": {"suspend": True}})
