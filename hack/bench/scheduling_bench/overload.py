"""Ten times as much as can run: does anybody wait longer than the ageing rule allows?"""

import random
from collections import defaultdict
from heapq import heappop, heappush
from typing import Any

from asynctask.core.admission.ageing import longest_wait
from asynctask.core.admission.model import Key, Queue, Task
from asynctask.core.admission.state import AdmissionState

from .estate import PRIORITIES

PLACES, PROMOTE_SECONDS, SHORTEST, LONGEST, FACTOR = 50, 600, 10, 60, 10


def measure(seconds: int, seed: int) -> dict[str, Any]:
    """So long ten times as many come as can run; then all are served."""
    chance = random.Random(seed)  # nothing secret
    state = AdmissionState()
    state.set_queue(Queue("q", max_running=PLACES, promote_after_seconds=PROMOTE_SECONDS))
    a_second = FACTOR * PLACES / ((SHORTEST + LONGEST) / 2)
    bounds: dict[Key, tuple[int, float, float]] = {}
    ends: list[tuple[float, Key]] = []
    longest: dict[int, float] = defaultdict(float)
    closest, late, count, now = 0.0, 0, 0, 0
    while now < seconds or bounds:
        while now < seconds and count < (now + 1) * a_second:
            key = ("team", f"{count:07}")
            priority = chance.choice(PRIORITIES)
            bound = longest_wait(priority, len(bounds), PLACES, LONGEST, PROMOTE_SECONDS)
            bounds[key] = (priority, now, bound)
            state.submit(Task(key, "q", now, priority))
            count += 1
        while ends and ends[0][0] <= now:
            state.ended(heappop(ends)[1])
        for key in state.admit(now).admitted:
            priority, submitted, bound = bounds.pop(key)
            wait = now - submitted
            longest[priority] = max(longest[priority], wait)
            closest = max(closest, wait / bound)
            late += wait > bound
            heappush(ends, (now + chance.randint(SHORTEST, LONGEST), key))
        now += 1
    return {
        "tasks": count,
        "longestWaitSeconds": {str(priority): wait for priority, wait in sorted(longest.items())},
        "closestToTheBound": round(closest, 3),
        "laterThanTheBound": late,
        "servedAfterSeconds": now,
    }
