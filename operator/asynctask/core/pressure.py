"""How busy the cluster is: what nodes and stages report, reckoned together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asynctask.api.stage import Stage
from asynctask.api.status import FINAL_PHASES
from asynctask.core import quantities


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """What all nodes together use, in percent of what they have; None where it is not known, with the reason."""

    cpu_percent: int | None = None
    memory_percent: int | None = None
    problem: str = ""


def node_load(nodes: Iterable[Mapping[str, Any]], metrics: Iterable[Mapping[str, Any]]) -> NodeLoad:
    """From the lists of nodes and of their metrics. Nodes that take no pods, or have no metrics, don't count."""
    usage = {item["metadata"]["name"]: item["usage"] for item in metrics}
    counted = [node for node in nodes if node["metadata"]["name"] in usage and _takes_pods(node)]
    if not counted:
        return NodeLoad(problem="no node that takes pods has metrics yet")
    used_cpu = sum(quantities.millis(usage[node["metadata"]["name"]]["cpu"]) for node in counted)
    used_memory = sum(quantities.whole(usage[node["metadata"]["name"]]["memory"]) for node in counted)
    all_cpu = sum(quantities.millis(node["status"]["allocatable"]["cpu"]) for node in counted)
    all_memory = sum(quantities.whole(node["status"]["allocatable"]["memory"]) for node in counted)
    return NodeLoad(used_cpu * 100 // max(1, all_cpu), used_memory * 100 // max(1, all_memory))


def network(stages: Iterable[Stage]) -> int:
    """Megabytes per second that the stages that run say they move, rounded up."""
    rates = [
        stage.status.progress.bytes_per_second or 0
        for stage in stages
        if stage.status.progress and stage.status.phase not in FINAL_PHASES
    ]
    return -(-sum(rates) // 1_000_000)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", ()))
    return ready and not node.get("spec", {}).get("unschedulable")
