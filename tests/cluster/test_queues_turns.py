"""Quotas, shares and locks, and what those that wait say and cost, on a real API server."""

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.queues import Queue


def heavy(cpu: str) -> dict[str, object]:
    return job("copy", job={"resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}})


def stop(estate: Estate, *names: str) -> None:
    for name in names:
        estate.change(name, cancel=True)
    estate.until_all_ended(list(names), within=30)


def test_cpu_quota_holds_back_and_lets_smaller_ones_pass(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    queue.change(maxRunning=None, quota={"cpu": "4"})
    for name in ("big", "bigger", "small"):
        estate.kubelet.plays(name, "copy", Script(runs=300))
    estate.submit(heavy("3"), name="big", queueName=queue.name)
    estate.until_running("big", "copy")
    estate.submit(heavy("2"), name="bigger", queueName=queue.name)
    task = estate.until_condition("bigger", "Admitted", "False QueueQuotaExceeded")
    assert task["status"]["waiting"]["resource"] == "quota.cpu"
    estate.submit(heavy("1"), name="small", queueName=queue.name)
    estate.until_running("small", "copy")
    queue.until_status(used={"cpu": "4", "memory": "2Mi"}, running=2, waiting=1)
    stop(estate, "big", "small", "bigger")


def test_what_never_fits_says_so(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    queue.change(maxRunning=None, quota={"cpu": "4"})
    estate.submit(heavy("5"), name="giant", queueName=queue.name)
    task = estate.until_condition("giant", "Admitted", "False RequestTooLarge")
    assert "4" in task["status"]["message"]
    queue.change(quota={"cpu": "8"})
    estate.until("giant", "True Succeeded")


def test_tasks_that_use_the_same_storage_run_one_after_the_other_and_say_for_whom_they_wait(
    estate: Estate, operator: OperatorProcess
) -> None:
    estate.api.create(
        {
            "kind": "StorageEndpoint",
            "metadata": {"name": "photos"},
            "spec": {"path": "/nas/photos", "volume": {"claimName": "photos"}, "limits": {"megabytesPerSecond": 100}},
        }
    )
    locations = {"locations": [{"field": "target", "access": "Write"}]}
    estate.kubelet.plays("writes", "copy", Script(runs=300))
    estate.submit(job("copy"), name="writes", config={"target": "/nas/photos/2030"}, **locations)
    estate.until_running("writes", "copy")
    below = {"config": {"target": "/nas/photos/2030/may"}, **locations}
    estate.submit(job("copy"), name="waits", **below)
    estate.submit(job("copy"), name="skips", overlapPolicy="Skip", **below)
    estate.submit(job("copy"), name="fails", overlapPolicy="Fail", **below)
    estate.submit(job("copy"), name="beside", config={"target": "/nas/photos/2031"}, **locations)
    task = estate.until_condition("waits", "Admitted", "False LocationLocked")
    assert task["status"]["waiting"]["holder"] == "writes"
    assert estate.until("skips", "False Skipped")["status"]["phase"] == "Skipped"
    assert estate.until("fails", "False LocationLocked")["status"]["phase"] == "Failed"
    estate.until("beside", "True Succeeded")
    assert not estate.kubelet.lives_of("skips") + estate.kubelet.lives_of("fails")
    needy = {"minMegabytesPerSecond": 80, "config": {"target": "/nas/photos/a"}, **locations}
    estate.kubelet.plays("needs-much", "copy", Script(runs=300))
    estate.submit(job("copy"), name="needs-much", **needy)
    estate.until_running("needs-much", "copy")
    estate.submit(job("copy"), name="needs-more", **{**needy, "config": {"target": "/nas/photos/b"}})
    task = estate.until_condition("needs-more", "Admitted", "False BandwidthUnavailable")
    assert task["status"]["waiting"]["resource"] == "photos"
    stop(estate, "writes", "needs-much")
    estate.until_all_ended(["waits", "needs-more"], within=20)


def test_a_crashed_operator_leaves_no_lock_behind(estate: Estate, operator: OperatorProcess) -> None:
    locations = {"config": {"target": "/nas/photos/c"}, "locations": [{"field": "target", "access": "Write"}]}
    estate.kubelet.plays("held", "copy", Script(runs=300))
    estate.submit(job("copy"), name="held", **locations)
    estate.until_running("held", "copy")
    estate.submit(job("copy"), name="next", **locations)
    estate.until_condition("next", "Admitted", "False LocationLocked")
    operator.kill()
    operator.start().leading()
    estate.submit(job("copy"), name="after", **locations)
    estate.until_condition("after", "Admitted", "False LocationLocked")
    assert not estate.kubelet.lives_of("next") + estate.kubelet.lives_of("after")
    stop(estate, "held")
    estate.until_all_ended(["next", "after"], within=20)


@pytest.mark.parametrize("how", ["crashes", "deleted", "deleted in the foreground", "paused"])
def test_a_holder_that_is_gone_blocks_nobody(estate: Estate, operator: OperatorProcess, how: str) -> None:
    locations = {"config": {"target": f"/nas/photos/{how[-5:]}"}, "locations": [{"field": "target", "access": "Write"}]}
    holder, then = f"holder-{how[-5:]}", f"after-{how[-5:]}"
    estate.kubelet.plays(holder, "copy", Script(runs=8 if how == "crashes" else 300, exit_code=65, stopping=3))
    estate.submit(job("copy"), name=holder, **locations)
    estate.until_running(holder, "copy")
    estate.submit(job("copy"), name=then, **locations)
    if how != "crashes":
        estate.until_condition(then, "Admitted", "False LocationLocked")
        assert not estate.kubelet.lives_of(then)
    if how.startswith("deleted"):
        policy = "Foreground" if "foreground" in how else "Background"
        estate.api.call("DELETE", estate.path("asynctasks", holder), {"propagationPolicy": policy})
    elif how == "paused":
        estate.change(holder, suspend=True)
    estate.until(then, "True Succeeded", within=40)
    (gone,), (came,) = estate.kubelet.lives_of(holder), estate.kubelet.lives_of(then)
    assert gone.ended is not None
    assert gone.ended <= came.begun


def test_metrics_say_why_tasks_wait(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    estate.submit(job("copy"), name="counted", queueName=queue.name)
    estate.until_condition("counted", "Admitted", "False QueueFull")
    line = f'asynctask_tasks_waiting{{queue="{queue.name}",reason="QueueFull"}} 1.0'
    operator.until(lambda: line in operator._get("metrics")[1], within=10)
    stop(estate, "counted")
