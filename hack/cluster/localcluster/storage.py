"""Static storage: a claim over a directory of the node, writable for pods that aren't root.

The dynamic host-path provisioner makes directories only root can write, and fsGroup is not applied to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

    from .kubectl import Kubectl


def claim(kubectl: Kubectl, namespace: str, name: str, directory: Path, *, size: str = "10Gi") -> None:
    """Make `directory` (mode 0777), a volume over it, and the bound claim `name`; safe to call again.

    The namespace is made too. Waits until the claim is bound.
    """
    if not directory.is_absolute():
        raise ClusterError(f"{directory}: the directory must be an absolute path")
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(0o777)
    volume_name = f"{namespace}-{name}"
    common: dict[str, Any] = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeMode": "Filesystem",
    }
    if not kubectl.works("get", "namespace", namespace):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume_name, "labels": {"app.kubernetes.io/managed-by": "hack-cluster"}},
            "spec": {
                **common,
                "capacity": {"storage": size},
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": str(directory), "type": "Directory"},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": namespace,
                    "name": name,
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**common, "volumeName": volume_name, "resources": {"requests": {"storage": size}}},
        },
    )
    kubectl("wait", f"pvc/{name}", f"--namespace={namespace}", "--for=jsonpath={.status.phase}=Bound", "--timeout=30s")
