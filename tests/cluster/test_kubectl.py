"""What kubectl shows of tasks, word for word: golden/ has what a stranger would read.

ASYNCTASK_GOLDEN=1 writes the files anew; read what changed before committing it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.patience import patient
from support.queues import Queue

from localcluster import Cluster

GOLDEN = Path(__file__).parent / "golden"
PAIRS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"-[0-9a-f]{8}-", "-HASH-"),
    (r"(Resource Version: +|Generation: +)\d+", r"\g<1>N"),
    (r"\b\d+(m\d+)?s\b( \(x\d+ over \d+s\))?", "AGE"),
)
"""What differs from one time to the next."""


@dataclass(frozen=True)
class Screen:
    """kubectl, and what it printed with what differs each time left out."""

    cluster: Cluster
    namespace: str
    queue: str

    def __call__(self, *arguments: str) -> str:
        text = self.cluster.kubectl(*arguments, "--namespace", self.namespace)
        for name, word in ((self.queue, "QUEUE"), (self.namespace, "NAMESPACE")):
            text = text.replace(name, word)
        for pattern, word in PAIRS:
            text = re.sub(pattern, word, text)
        return re.sub(r"(?<=\S) {2,}", "  ", re.sub(r" +$", "", text, flags=re.MULTILINE))

    def until(self, *arguments: str, has: str) -> str:
        """The same, once it has these words: events come a moment later."""
        deadline = monotonic() + patient(20)
        while has not in (text := self(*arguments)):
            assert monotonic() < deadline, text
            sleep(0.3)
        return text


@pytest.fixture(scope="module")
def screen(cluster: Cluster, estate: Estate, operator: OperatorProcess) -> Iterator[Screen]:
    """Five tasks in five states."""
    queue = Queue(estate, f"{estate.namespace}-full", maxRunning=0)
    scripts = {"running": Script(runs=300), "paused": Script(runs=300)}
    scripts["failed"] = Script(exit_code=65, message="no such share: //nas/photos")
    for name, script in scripts.items():
        estate.kubelet.plays(name, "copy", script)
    for name in ("succeeded", "failed", "running", "paused"):
        estate.submit(job("scan"), job("copy"), name=name)
    estate.submit(job("copy"), name="waiting", queueName=queue.name, priority=2)
    estate.submit(name="invalid", type="no-such-type")
    estate.until("succeeded", "True Succeeded")
    estate.until("failed", "False PermanentError")
    estate.until_running("paused", "copy")
    estate.change("paused", suspend=True)
    estate.until_condition("paused", "Paused", "True Suspended")
    estate.until_holds(
        "running", lambda task: task["status"].get("stage") == "copy" and task["status"]["phase"] == "Running"
    )
    estate.until_condition("waiting", "Admitted", "False QueueFull")
    estate.until_condition("invalid", "Admitted", "False UnknownType")
    yield Screen(cluster, estate.namespace, queue.name)
    for name in ("running", "paused", "waiting"):
        estate.change(name, cancel=True, suspend=False)
    queue.delete()


def check(name: str, text: str) -> None:
    """Compare with what is kept."""
    file = GOLDEN / f"{name}.txt"
    if "ASYNCTASK_GOLDEN" in os.environ:
        file.write_text(text)
    assert text == file.read_text()


def test_the_list_of_tasks(screen: Screen) -> None:
    check("get", screen("get", "at"))


def test_the_wide_list_of_tasks(screen: Screen) -> None:
    check("get-wide", screen("get", "at", "-o", "wide"))


@pytest.mark.parametrize(
    ("task", "event"),
    [
        ("failed", "Warning"),
        ("waiting", "Normal"),
        ("invalid", "Warning"),
        ("paused", "Events"),
        ("succeeded", "Events"),
    ],
)
def test_a_task_described(screen: Screen, task: str, event: str) -> None:
    check(f"describe-{task}", screen.until("describe", "at", task, has=event))
