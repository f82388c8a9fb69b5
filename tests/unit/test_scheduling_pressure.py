"""How busy the cluster is, by what nodes and stages say."""

from typing import Any

from support.scenes import make_task

from asynctask.core.pressure import NodeLoad, network, node_load


def node(name: str, cpu: str = "4", memory: str = "8Gi", *, ready: str = "True", cordoned: bool = False) -> Any:
    return {
        "metadata": {"name": name},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def usage(name: str, cpu: str, memory: str) -> Any:
    return {"metadata": {"name": name}, "usage": {"cpu": cpu, "memory": memory}}


def test_nodes_count_together_by_their_size() -> None:
    metrics = [usage("a", "1000000000n", "2Gi"), usage("b", "11", "0")]
    assert node_load([node("a"), node("b", cpu="12")], metrics) == NodeLoad(75, 12)


def test_nodes_that_take_no_pods_or_tell_nothing_do_not_count() -> None:
    nodes = [node("a"), node("off", ready="False"), node("cordoned", cordoned=True), node("new")]
    metrics = [usage("a", "2", "4Gi"), usage("off", "4", "8Gi"), usage("cordoned", "4", "8Gi"), usage("gone", "1", "1")]
    assert node_load(nodes, metrics) == NodeLoad(50, 50)


def test_where_nobody_tells_it_is_said() -> None:
    assert node_load([node("a")], []) == NodeLoad(problem="no node that takes pods has metrics yet")


def test_the_network_is_what_running_stages_say_they_move() -> None:
    scene = make_task().stage("a").stage("b").stage("c")
    scene = scene.running("a", progress={"bytesPerSecond": 40_000_000}).running("b", progress={"itemsDone": 3})
    scene = scene.succeeded("c", progress={"bytesPerSecond": 90_000_000})
    assert network(scene.facts.stages) == 40
    assert network(scene.running("b", progress={"bytesPerSecond": 1}).facts.stages) == 41
    assert network(()) == 0
