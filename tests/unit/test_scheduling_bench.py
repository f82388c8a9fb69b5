"""The simulator of admission works."""

import json
import subprocess
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).parents[2] / "hack/bench/scheduling"


def test_people_are_told_waits_by_priority_use_displacements_fairness_and_what_a_pass_costs() -> None:
    ran = subprocess.run([COMMAND, "--quick"], capture_output=True, text=True, check=True, timeout=60)
    for wanted in ("priority | tasks | wait p50 s | wait p99 s | longest s", "places in use", "fairness (Jain)", "longest wait:", "displaced:", "milliseconds per pass, 200 waiting"):  # fmt: skip
        assert wanted in ran.stdout


def simulated() -> dict[str, Any]:
    found = subprocess.run([COMMAND, "--quick", "--json"], capture_output=True, text=True, check=True, timeout=60)
    results: dict[str, Any] = json.loads(found.stdout)
    return results


def test_a_quick_day_ends_and_everybody_has_run() -> None:
    results = simulated()
    waits = results["day"]["waitSeconds"]
    assert sorted(waits) == ["1", "2", "3", "4", "5"]
    assert sum(row["tasks"] for row in waits.values()) == 500
    assert results["day"]["waitsWithoutReason"] == 0
    assert results["waiting"] == 200
    assert results["overload"]["laterThanTheBound"] == 0
    assert {"one ended", "nothing changed"} <= set(results["passes"])
    for row in waits.values():
        assert 0 <= row["p50"] <= row["p99"] <= row["max"]
    assert results["day"]["longestWait"]["seconds"] == max(row["max"] for row in waits.values())
    assert results["day"]["displaced"] >= 0
    for queue in results["day"]["utilisation"].values():
        assert 0 < queue["ofTheDay"] <= 1
