"""Exactly one run a time, whatever happens to the operator."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest
from support.estate import Estate, check
from support.operators import OperatorProcess
from support.schedules import make, tasks_of, told, until

NewOperator = Callable[..., OperatorProcess]
SEED = int(os.environ.get("ASYNCTASK_FAULT_SEED", "1"))
KILLED_MINUTES = int(os.environ.get("ASYNCTASK_SCHEDULE_MINUTES", "2"))
LEASE = {"lease_duration_seconds": 6, "lease_renew_seconds": 1.5}

pytestmark = pytest.mark.long


def test_each_time_has_one_run_whenever_the_operator_is_killed(estate: Estate, new_operator: NewOperator) -> None:
    """Every schedule comes each minute, at its own second; the operator dies in between, at random moments."""
    chance = random.Random(SEED)
    names = [f"mortal-{number}" for number in range(12)]
    limits = {"successfulTasksHistoryLimit": 1000, "failedTasksHistoryLimit": 1000}
    with new_operator("mortal", lease_name="schedules", **LEASE) as replica:
        for name in names:
            make(estate, name, "* * * * *", concurrencyPolicy="Queue", jitterSeconds=55, **limits)
        began = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        deadline = monotonic() + 60 * KILLED_MINUTES + 45
        kills = 0
        while monotonic() < deadline:
            sleep(chance.uniform(0.2, 12))
            replica.kill()
            kills += 1
            replica.start()
            if chance.random() < 0.6:
                replica.leading(within=40)
        replica.leading(within=40)
        for name in names:
            path = estate.path("taskschedules", name)
            estate.api.merge(path, {"spec": {"suspend": True}})
            until(
                estate,
                path,
                lambda s: told(s, "Ready") == "False Suspended" and not s.get("active"),
                "it rests",
                within=60,
            )
    assert kills > 3
    for name in names:
        tasks = tasks_of(estate, name)
        last = max(tasks)
        wanted, minute = [], began
        while (tick := f"{name}-{minute:%Y%m%d-%H%M}") <= last:
            wanted.append(tick)
            minute += timedelta(minutes=1)
        assert sorted(tasks)[-len(wanted) :] == wanted, name
        assert len(wanted) >= KILLED_MINUTES
        lives = [life for task in tasks for life in estate.kubelet.lives_of(task)]
        check(lives)
        assert len(lives) == len(tasks)
