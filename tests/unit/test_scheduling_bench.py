"""The simulator of admission works."""

import json
import subprocess
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).parents[2] / "hack/bench/scheduling"


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
