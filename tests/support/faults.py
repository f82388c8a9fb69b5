"""Tasks of several kinds that run while something is broken, and the one checker of how they end."""

import random

from support.estate import Estate, check, job
from support.kubelet import Script

RETRY = {"backoffSeconds": 1, "maxBackoffSeconds": 2}
LEASE = {"lease_duration_seconds": 6, "lease_renew_seconds": 1.5}
EXPECTED = {"plain": "Succeeded", "two": "Succeeded", "retried": "Succeeded", "broken": "Failed", "partial": "Partial"}


def submit(estate: Estate, prefix: str, count: int, chance: random.Random) -> dict[str, str]:
    """Tasks of several kinds; returns the phase that each must end in."""
    ends = {}
    for number in range(count):
        kind = list(EXPECTED)[number % len(EXPECTED)]
        name = f"{prefix}-{kind}-{number}"
        runs = chance.random()
        scripts = {
            "retried": (Script(runs=runs, exit_code=75), Script(runs=runs)),
            "broken": (Script(runs=runs, exit_code=65),),
            "partial": (Script(runs=runs, exit_code=3),),
        }.get(kind, (Script(runs=runs),))
        estate.kubelet.plays(name, "copy", *scripts)
        stages = [job("scan"), job("copy")] if kind == "two" else [job("copy")]
        estate.submit(*stages, name=name, retry=RETRY)
        ends[name] = EXPECTED[kind]
    return ends


def ended(estate: Estate, ends: dict[str, str], within: float = 120) -> None:
    """The one checker of all faults."""
    found = estate.until_all_ended(list(ends), within=within)
    assert {name: task["status"]["phase"] for name, task in found.items()} == ends
    lives = [life for name in ends for life in estate.kubelet.lives_of(name)]
    check(lives)
    ran = {(life.task, life.stage) for life in lives}
    for name in ends:
        assert (name, "copy") in ran
    attempts = {name: len(estate.kubelet.lives_of(name, "copy")) for name in ends}
    assert attempts == {name: 2 if "-retried-" in name else 1 for name in ends}
