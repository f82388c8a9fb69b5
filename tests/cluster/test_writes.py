"""How much a task costs the API server, by the server's own log."""

from collections import Counter
from time import monotonic, sleep

import pytest
from support.auditlog import AuditLog
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess

PROGRESS_SECONDS = 5


@pytest.mark.parametrize(("stages", "seconds"), [(1, 0), (2, 0), (3, 0), (1, 8), (2, 8)])
def test_writes_per_task(estate: Estate, operator: OperatorProcess, audit: AuditLog, stages: int, seconds: int) -> None:
    name = f"cost-{stages}-{seconds}"
    estate.kubelet.plays(name, "", Script(runs=seconds))
    estate.submit(*(job(f"s{n}") for n in range(stages)), name=name)
    estate.until(name, "True Succeeded", within=60)
    sleep(1.5)  # what would still be written, would be written by now
    writes = audit.writes(estate.namespace, name)
    progress = max(0, writes["patch asynctasks/status"] - 2)  # that it began and that it ended are no progress
    assert writes.total() - progress <= 5 + 3 * (stages - 1), writes
    assert progress <= stages * seconds // PROGRESS_SECONDS, writes
    assert writes["create stages"] == writes["create jobs"] == stages


def test_progress_is_written_at_its_pace(estate: Estate, operator: OperatorProcess, audit: AuditLog) -> None:
    name = "moving"
    estate.kubelet.plays(name, "copy", Script(runs=300))
    began = monotonic()
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    (stage,) = estate.stages_of(name)
    path = f"{estate.path('stages', stage['metadata']['name'])}/status"
    for done in range(20):
        estate.api.merge(path, {"status": {"progress": {"bytesDone": done * 10, "bytesTotal": 200}}})
        sleep(0.5)  # the stage's pace is the test's own
    task = estate.until_holds(name, lambda t: (t["status"].get("progress") or {}).get("bytesDone") == 190)
    assert task["status"]["display"]["progress"] == "95%"
    took = monotonic() - began
    writes: Counter[str] = audit.writes(estate.namespace, name)
    assert writes["patch asynctasks/status"] <= 2 + took // PROGRESS_SECONDS, (writes, took)
    estate.change(name, cancel=True)
    estate.until(name, "False Cancelled")
