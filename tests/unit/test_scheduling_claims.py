"""What a task takes up: amounts as Kubernetes writes them, and the most that its stages may request at once."""

from typing import Any

import pytest
from support.scenes import Scene, make_task

from asynctask.core.claims import Claim, peak
from asynctask.core.facts import Resolved
from asynctask.core.quantities import cpu_text, memory_text, millis, whole

GI = 2**30


def job(cpu: str, memory: str = "0", **more: Any) -> dict[str, Any]:
    return {"job": {"image": "x", "resources": {"requests": {"cpu": cpu, "memory": memory}}}, **more}


def claim(scene: Scene) -> Claim:
    assert isinstance(scene.resolved, Resolved)
    return peak(scene.resolved.graph)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("2", 2000), ("500m", 500), ("1.5", 1500), ("0.1", 100), ("1k", 1_000_000), ("123456789n", 124), ("0", 0)],
)
def test_cpu_is_counted_in_thousandths_rounded_up(text: str, amount: int) -> None:
    assert millis(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("1Gi", GI), ("1.5Gi", GI * 3 // 2), ("1G", 10**9), ("100", 100), ("1500m", 2), ("2Ti", 2**41)]
)
def test_memory_is_counted_in_bytes(text: str, amount: int) -> None:
    assert whole(text) == amount


def test_amounts_are_told_as_people_write_them() -> None:
    assert [cpu_text(1500), cpu_text(2000), cpu_text(0)] == ["1500m", "2", "0"]
    assert [memory_text(2 * GI), memory_text(1536 * 2**20), memory_text(1000), memory_text(0)] == [
        "2Gi", "1536Mi", "1000", "0"]  # fmt: skip


def test_stages_in_order_take_what_the_largest_takes() -> None:
    scene = make_task().stage("scan", **job("1", "4Gi")).stage("copy", **job("3", "1Gi")).stage("ask", approval={})
    assert claim(scene) == Claim(3000, 4 * GI)


def test_stages_side_by_side_take_what_they_take_together() -> None:
    scene = make_task().stage("scan", **job("1"))
    for name in "abc":
        scene = scene.stage(name, **job("2", needs=["scan"]))
    assert claim(scene.stage("end", **job("1", needs=["a", "b", "c"]))) == Claim(6000, 0)


def test_a_limit_without_a_request_counts_and_nothing_at_all_takes_nothing() -> None:
    limited = {"job": {"image": "x", "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}}
    assert claim(make_task().stage("a", **limited)) == Claim(2000, GI)
    assert claim(make_task().stage("a")) == Claim()
