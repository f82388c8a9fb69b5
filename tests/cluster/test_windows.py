"""Windows that close and open, on a real API server."""

from datetime import UTC, datetime, timedelta

from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.schedules import Body


def shut() -> Body:
    """A window that is closed now, and for some time."""
    hour = (datetime.now(UTC) + timedelta(hours=6)).hour
    return {"ranges": [{"start": f"{hour:02}:00", "end": f"{hour:02}:30"}]}


def test_a_window_that_closes_pauses_and_one_that_opens_resumes(estate: Estate, operator: OperatorProcess) -> None:
    estate.kubelet.plays("night", "copy", Script(runs=60), Script(runs=0))
    estate.submit(job("copy"), name="night")
    estate.until_running("night", "copy")
    estate.change("night", window=shut())
    task = estate.until("night", "Unknown OutsideWindow")
    assert task["status"]["phase"] == "Waiting"
    assert task["status"]["waiting"]["reason"] == "OutsideWindow"
    assert task["status"]["waiting"]["earliestStartTime"]
    (life,) = estate.kubelet.lives_of("night")
    assert life.ended is not None
    operator.kill()
    operator.start().leading()
    assert len(estate.kubelet.lives_of("night")) == 1
    estate.change("night", window=None)
    estate.until("night", "True Succeeded")
    assert len(estate.kubelet.lives_of("night")) == 2


def test_a_queues_window_holds_its_tasks(estate: Estate, operator: OperatorProcess) -> None:
    queues = "/apis/asynctask.io/v1alpha1/taskqueues"
    name = f"{estate.namespace}-window"
    body = {
        "apiVersion": "asynctask.io/v1alpha1",
        "kind": "TaskQueue",
        "metadata": {"name": name},
        "spec": {"window": shut()},
    }
    estate.api.call("POST", queues, body)
    try:
        estate.submit(job("copy"), name="queued-night", queueName=name)
        task = estate.until("queued-night", "Unknown OutsideWindow")
        assert f"the window of TaskQueue {name}" in task["status"]["message"]
        assert not estate.kubelet.lives_of("queued-night")
        estate.api.merge(f"{queues}/{name}", {"spec": {"window": None}})
        estate.until("queued-night", "True Succeeded")
    finally:
        estate.api.call("DELETE", f"{queues}/{name}")
