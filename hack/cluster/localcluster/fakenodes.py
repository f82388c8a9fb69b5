"""Nodes without machines, for load tests: kwok plays their kubelet."""

from __future__ import annotations

from typing import Any


def fake_nodes(count: int) -> list[dict[str, Any]]:
    """So many large nodes; kwok makes them ready."""
    room = {"cpu": "1000", "memory": "4Ti", "pods": "10000"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"fake-{number}",
                "labels": {"kubernetes.io/hostname": f"fake-{number}", "type": "kwok"},
                "annotations": {"kwok.x-k8s.io/node": "fake"},
            },
            "status": {"allocatable": room, "capacity": room},
        }
        for number in range(count)
    ]
