"""Hundreds of tasks due at once start at the rate of their queue."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.auditlog import AuditLog
from support.estate import Estate, job
from support.operators import OperatorProcess
from support.patience import FACTOR, patient
from support.queues import Queue

pytestmark = pytest.mark.long

MANY = 500
RATE = 600
"""Starts a minute: the last of the many waits for fifty seconds."""


@pytest.mark.timeout(400)
def test_hundreds_due_at_once_start_at_the_rate_with_one_write_each_while_they_wait(
    estate: Estate, operator: OperatorProcess, queue: Queue, audit: AuditLog
) -> None:
    queue.change(maxRunning=None, startRatePerMinute=RATE)
    names = [f"due-{number:03}" for number in range(MANY)]

    def submit(some: list[str]) -> None:
        for name in some:
            estate.submit(job("copy"), name=name, queueName=queue.name)

    operator.kill()  # so that all are due in the second in which it is back
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(submit, (names[number::4] for number in range(4))))
    operator.start().leading()
    estate.until_all_ended(names, within=290)
    costs, starts = dict.fromkeys(names, 0), dict[str, float]()
    for write in audit.all():
        task = "-".join(write.name.split("-")[:2])
        if write.namespace != estate.namespace or task not in costs:
            continue
        if write.what == "create jobs":
            starts[task] = write.time
        elif write.what == "patch asynctasks/status" and task not in starts:
            costs[task] += 1
    assert starts.keys() == set(names)
    assert max(costs.values()) <= 1
    assert sum(costs.values()) > MANY // 20 or FACTOR > 1, (
        "some waited long enough to say so; while much is to be done, work goes first"
    )
    moments = sorted(starts.values())
    for first, last in zip(moments, moments[RATE // 3 :], strict=False):
        assert last - first > 20 * 0.7, "more in twenty seconds than may start, even if some were admitted long before"
    assert moments[-1] - moments[0] > 60 * MANY / RATE * 0.9, "faster than the rate allows"
    assert moments[-1] - moments[0] < patient(60 * MANY / RATE * 1.5), "slower than the rate allows"
