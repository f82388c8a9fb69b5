"""Processes of pods, as root of the node sees them: to be killed, stopped, watched."""

import contextlib
import os
import signal
from pathlib import Path
from time import monotonic, sleep

from support.nodeapi import NodeApi, Object

from localcluster.processes import holds

PAUSE = "pause"
ENDED = "ZX"


class Processes:
    """The processes of one pod but its pause container, whatever the cgroup hierarchy looks like."""

    def __init__(self, pod: Object) -> None:
        self.name: str = pod["metadata"]["name"]
        uid: str = pod["metadata"]["uid"]
        self._marks = (uid.encode(), uid.replace("-", "_").encode())

    def pids(self) -> list[int]:
        """Their ids, the oldest first."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                groups = (folder / "cgroup").read_bytes()
                if any(mark in groups for mark in self._marks) and (folder / "comm").read_text().strip() != PAUSE:
                    found.append(int(folder.name))
        return sorted(found)

    def main(self) -> "Process":
        """The container's first process."""
        pids = self.pids()
        assert pids, f"no process of {self.name}"
        return Process(pids[0])


class Process:
    """One process, told apart from later ones of its id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._born = self._stat()[19]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._is_same(), f"{self.pid} is another process by now"
        os.kill(self.pid, number)

    @property
    def parent(self) -> "Process":
        """Of a container's first process that is its shim."""
        return Process(int(self._stat()[1]))

    @property
    def bytes_written(self) -> int:
        """What it has handed to write calls so far."""
        lines = Path(f"/proc/{self.pid}/io").read_text().splitlines()
        return int(dict(line.split(": ") for line in lines)["wchar"])

    @property
    def has_ended(self) -> bool:
        """Whether it does nothing any more; its parent may not know yet."""
        try:
            return not self._is_same() or self._stat()[0] in ENDED
        except FileNotFoundError:  # it went between the two looks
            return True

    @property
    def exit_code(self) -> int:
        """Of one that has ended and that its parent has not yet collected."""
        assert self.has_ended
        return os.waitstatus_to_exitcode(int(self._stat()[49]))

    def until_ended(self, within: float) -> None:
        """Return once it has ended."""
        assert holds(lambda: self.has_ended, within=within), f"process {self.pid} still runs"

    def _is_same(self) -> bool:
        try:
            return self._stat()[19] == self._born
        except FileNotFoundError:
            return False

    def _stat(self) -> list[str]:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()


def kill(pod: Object) -> int:
    """SIGKILL to the container's first process: it ends without a word. Returns the bytes that it had written."""
    process = Processes(pod).main()
    written = process.bytes_written
    process.send(signal.SIGKILL)
    return written


def written_until_it_ends(pod: Object, within: float = 60) -> int:
    """Follow the container's first process to its end; the bytes that it wrote."""
    process, written = Processes(pod).main(), 0
    deadline = monotonic() + within
    while not process.has_ended:
        assert monotonic() < deadline, f"{pod['metadata']['name']} still runs"
        with contextlib.suppress(OSError):
            written = max(written, process.bytes_written)
        sleep(0.02)
    return written


def evict(api: NodeApi, pod: Object) -> None:
    """Ask for the eviction of a pod, as a drain does."""
    meta = pod["metadata"]
    name = {"name": meta["name"], "namespace": meta["namespace"]}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": name}
    api.call("POST", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/eviction", body)


def give_up(api: NodeApi, pod: Object) -> None:
    """Take a pod for lost, whether its containers live or not: what the garbage collector does when a node is gone."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
    lost = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "node not found"}
    change = {"status": {"phase": "Failed", "conditions": [lost]}}
    api.call("PATCH", f"{path}/status", change, "application/strategic-merge-patch+json")
    api.call("DELETE", path, {"gracePeriodSeconds": 0})
