"""Two replicas: one leads, the other takes over."""

from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from support.estate import Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess

NewOperator = Callable[..., OperatorProcess]
LEASE_SECONDS = 6


@pytest.fixture
def pair(new_operator: NewOperator) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """The leader and the one that waits, both with warm caches."""
    settings = {"lease_duration_seconds": LEASE_SECONDS, "lease_renew_seconds": 1.5}
    leader, other = new_operator("leader", **settings), new_operator("other", **settings)
    with leader:
        other.start().until(lambda: other.probe("readyz") == 200, 30)
        assert other.metric("asynctask_leader") == 0
        try:
            yield leader, other
        finally:
            other.__exit__(None, None, None)


def start_tasks(estate: Estate, prefix: str) -> list[str]:
    """A task in the middle of its first stage, one before its second, one that waits for a person."""
    names = [f"{prefix}-{what}" for what in ("first", "second", "gate")]
    estate.kubelet.plays(names[0], "scan", Script(runs=4))
    estate.kubelet.plays(names[1], "scan", Script(runs=0.2))
    estate.kubelet.plays(names[1], "copy", Script(runs=2))
    estate.submit(job("scan"), job("copy"), name=names[0])
    estate.submit(job("scan"), job("copy"), name=names[1])
    estate.submit(job("scan"), {"name": "wait", "wait": {"delaySeconds": 3}}, job("copy"), name=names[2])
    estate.until_running(names[0], "scan")
    estate.until_running(names[1], "copy")
    return names


def ended(estate: Estate, names: list[str]) -> None:
    found = estate.until_all_ended(names, within=60)
    assert {task["status"]["phase"] for task in found.values()} == {"Succeeded"}
    check([life for name in names for life in estate.kubelet.lives_of(name)])


def test_the_leader_is_killed(estate: Estate, pair: tuple[OperatorProcess, OperatorProcess]) -> None:
    leader, other = pair
    names = start_tasks(estate, "killed")
    leader.kill()
    begun = monotonic()
    other.leading(within=LEASE_SECONDS + 8)
    assert monotonic() - begun <= LEASE_SECONDS + 6  # the lease, a poll, and the listing
    ended(estate, names)


def test_the_leader_is_asked_to_stop(estate: Estate, pair: tuple[OperatorProcess, OperatorProcess]) -> None:
    leader, other = pair
    names = start_tasks(estate, "asked")
    begun = monotonic()
    assert leader.terminate() == 0
    other.leading(within=10)
    assert monotonic() - begun <= 5
    ended(estate, names)


def test_a_leader_that_is_held_up_writes_nothing_when_it_wakes(
    estate: Estate, pair: tuple[OperatorProcess, OperatorProcess]
) -> None:
    import signal

    leader, other = pair
    names = start_tasks(estate, "frozen")
    assert leader.process
    leader.process.send_signal(signal.SIGSTOP)
    try:
        other.leading(within=LEASE_SECONDS + 10)
    finally:
        leader.process.send_signal(signal.SIGCONT)
    leader.until(lambda: leader.metric("asynctask_leader") == 0, within=30)
    ended(estate, names)
