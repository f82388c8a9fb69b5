"""From a request over HTTP to its end: the gateway, the operator as a process, pods acted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from front import estate
from front.test_nas import Shop, shop
from support.kubelet import ActedKubelet, Script
from support.operators import OperatorProcess

__all__ = ["shop"]
CONFIG = {"source_path": "/nas/photos"}


@pytest.fixture
def operator(kubeconfig: Path, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator, leading."""
    with OperatorProcess(kubeconfig, tmp_path / "operator.log", lease_name="asynctask-front") as process:
        yield process


async def until(shop: Shop, task_id: str, status: str) -> dict[str, Any]:
    """The task once it is in this state."""
    while True:
        report: dict[str, Any] = (await shop.client.get("/query_task", task_id=task_id)).body
        if report["status"] == status:
            return report


async def test_a_task_runs_to_its_end_and_again_from_a_stage(
    shop: Shop, operator: OperatorProcess, kubeconfig: Path
) -> None:
    with ActedKubelet(kubeconfig, shop.namespace):
        task_id = await shop.submit(priority=1)
        report = await until(shop, task_id, "completed")
        assert [(stage["name"], stage["status"]) for stage in report["stages"]] == [
            ("scan", "completed"), ("copy", "completed")
        ]  # fmt: skip
        assert report["progress"]["percent"] == 100
        order = {"task_id": task_id, "stage": "copy"}
        assert (await shop.client.put("/restart_task", order)).status == 200
        while (await estate.find(shop.world, task_id, shop.namespace))["status"]["run"] != 2:
            pass
        await until(shop, task_id, "completed")
        runs = (await shop.client.get(f"/api/v1/tasks/{task_id}/runs")).body["items"]
        assert [run["run"] for run in runs] == [2, 1]


async def test_what_is_paused_goes_on_when_it_is_resumed(
    shop: Shop, operator: OperatorProcess, kubeconfig: Path
) -> None:
    with ActedKubelet(kubeconfig, shop.namespace) as kubelet:
        kubelet.plays("slow", "scan", Script(runs=1e6), Script())
        body = {"namespace": shop.namespace, "name": "slow", "spec": {"type": shop.type, "config": CONFIG}}
        task_id = (await shop.client.post("/api/v1/tasks", body)).body["taskId"]
        await until(shop, task_id, "running")
        await shop.client.put("/pause_task", {"task_id": task_id})
        await until(shop, task_id, "paused")
        await shop.client.put("/resume_task", {"task_id": task_id})
        await until(shop, task_id, "completed")
        assert (await shop.client.put("/pause_task", {"task_id": task_id})).refusal == "409 TaskEnded"
