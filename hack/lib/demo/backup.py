"""The task that the demo watches: its storage, its manifests, how it is begun and run again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcluster import storage

from . import inputs
from .machine import PROJECT
from .terminal import DemoError

if TYPE_CHECKING:
    from pathlib import Path

    from localcluster.kubectl import Kubectl

    from .terminal import Terminal
    from .watching import Board

NAMESPACE = "nas"
TASK = "nightly"
QUEUE = "one-at-a-time"
MANIFESTS = PROJECT / "docs" / "how-to" / "manifests"
OWNERS_TYPE = "file-backup-owners"


@dataclass(frozen=True)
class Backup:
    """The backup task, in its namespace."""

    kubectl: Kubectl
    directory: Path
    owners: bool

    @property
    def source(self) -> Path:
        """What is backed up, as a directory of this machine."""
        return self.directory / "projects"

    @property
    def target(self) -> Path:
        """The share that it goes to."""
        return self.directory / "backup"

    @property
    def copy(self) -> Path:
        """Where on that share."""
        return self.target / "projects"

    def ask(self, *arguments: str, timeout: float = 60) -> str:
        """Run kubectl in the namespace."""
        return self.kubectl(f"--namespace={NAMESPACE}", *arguments, timeout=timeout)

    def storage(self, terminal: Terminal) -> None:
        """Namespace, claims over directories, and the endpoints that tasks name."""
        for claim in ("projects", "backup", "asynctask-workspace"):
            storage.claim(self.kubectl, NAMESPACE, claim, self.directory / claim)
        level = "baseline" if self.owners else "restricted"
        labels = [f"pod-security.kubernetes.io/enforce={level}"]
        labels.append("asynctask.io/allow-data-owner=true" if self.owners else "asynctask.io/allow-data-owner-")
        self.kubectl("label", "namespace", NAMESPACE, "--overwrite", *labels)
        self.ask("apply", f"--filename={MANIFESTS / 'storage.yaml'}")
        self.kubectl("apply", f"--filename={MANIFESTS / 'one-at-a-time.yaml'}")
        if self.owners:
            self._make_owners_type()
        terminal.say(f"namespace {NAMESPACE}: pods of the {level} standard only")
        terminal.say("endpoints: projects (/nas/projects, read-only) and backup (/nas/backup)")

    def limit(self, megabytes: int | None) -> None:
        """How much may be moved to the backup share per second; None: as much as it takes."""
        value = {"spec": {"limits": {"megabytesPerSecond": megabytes}}}
        self.ask("patch", "storageendpoint", "backup", "--type=merge", f"--patch={json.dumps(value)}")

    def begin(self, terminal: Terminal) -> None:
        """Apply the task, anew: what an earlier demo left goes first."""
        self.ask("delete", "asynctasks", "--all", "--wait", "--timeout=120s", timeout=150)
        self.ask("wait", "--for=delete", "pods", "--all", "--timeout=120s", timeout=150)
        for directory in (self.target, self.directory / "asynctask-workspace"):
            inputs.empty(directory)
        path = MANIFESTS / "file-backup.yaml"
        terminal.say(f"kubectl -n {NAMESPACE} apply -f {path.relative_to(PROJECT)}   (in queue {QUEUE})")
        made: dict[str, Any] = json.loads(self.ask("create", "--dry-run=client", "--output=json", f"--filename={path}"))
        made["spec"]["queueName"] = QUEUE
        if self.owners:
            made["spec"]["type"] = OWNERS_TYPE
        made["metadata"]["namespace"] = NAMESPACE
        self.kubectl.apply(made)

    def again(self, run: int) -> None:
        """Run it again, as it is."""
        self.change({"run": run})

    def change(self, spec: dict[str, Any], task: str = TASK) -> None:
        """Change the task's spec."""
        self.ask("patch", "asynctasks", task, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def pods(self, uid: str) -> list[dict[str, Any]]:
        """The pods of a task that have not ended."""
        found = json.loads(self.ask("get", "pods", f"--selector=asynctask.io/task-uid={uid}", "--output=json"))
        items: list[dict[str, Any]] = found["items"]
        return [pod for pod in items if pod["status"].get("phase") in {"Pending", "Running"}]

    def pod(self, board: Board) -> dict[str, Any]:
        """The one pod of the task that runs."""
        pods = self.pods(board.task()["metadata"]["uid"])
        if len(pods) != 1:
            raise DemoError(f"one pod should run, there are {len(pods)}; look: kubectl -n {NAMESPACE} get pods")
        return pods[0]

    def _make_owners_type(self) -> None:
        made = json.loads(self.kubectl("get", "tasktype", "file-backup", "--output=json"))
        made["metadata"] = {"name": OWNERS_TYPE}
        made.pop("status", None)
        for stage in made["spec"]["stages"]:
            stage["job"]["securityProfile"] = "DataOwner"
        self.kubectl.apply(made)


def outputs(board: Board, stage: str) -> dict[str, Any]:
    """What a stage that ended told."""
    status = board.stage(stage)
    found: dict[str, Any] = status.get("completion", {}).get("outputs") or status.get("outputs") or {}
    return found
