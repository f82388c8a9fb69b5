"""What pods of stages did when, from a watch on all of them: for what must hold of every task in every test."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Self

from support.nodeapi import LateError, NodeApi, Object, Objects
from support.nodetasks import Lab

from asynctask.api.names import API_VERSION, LABEL_RUN, LABEL_STAGE, LABEL_TASK_UID

ROUND_SECONDS = 2.0
"""How soon the watcher notices that it is to end."""


@dataclass
class Life:
    """One pod's container, as far as it was seen."""

    key: tuple[str, str, str]
    pod: str
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None


class Chronicle:
    """Watches from `with` to its end."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._api = NodeApi(lab.cluster.kubeconfig, lab.namespace)
        self._lives: dict[str, Life] = {}
        self._ghosts: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="chronicle", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
        self._api.close()

    def excuse(self, pod: Object) -> None:
        """A pod that a test keeps alive behind the kubelet's back."""
        self._ghosts.add(pod["metadata"]["uid"])

    def offences(self) -> list[str]:
        """Stages that ran twice at once, and stages that ran after they had ended."""
        lives = [life for uid, life in list(self._lives.items()) if life.started and uid not in self._ghosts]
        lives.sort(key=lambda life: (life.key, life.started or life.created))
        found = []
        for one, other in pairwise(lives):
            if one.key == other.key and (one.finished is None or one.finished > (other.started or other.created)):
                found.append(f"{other.pod} started at {other.started} while {one.pod} ran until {one.finished}")
        ends = self._ends()
        for life in lives:
            end = ends.get(life.key)
            if end is not None and life.created > end:
                found.append(f"{life.pod} was made at {life.created}, its stage had ended at {end}")
        return found

    def _ends(self) -> dict[tuple[str, str, str], datetime]:
        stages = self._lab.api.get(f"/apis/{API_VERSION}/namespaces/{self._lab.namespace}/stages")["items"]
        return {
            _key(stage["metadata"]["labels"]): _time(stage["status"]["completionTime"])
            for stage in stages
            if stage.get("status", {}).get("completionTime")
        }

    def _watch(self) -> None:
        path = f"/api/v1/namespaces/{self._lab.namespace}/pods"
        while not self._over.is_set():
            try:
                self._api.until_all(path, self._take, within=ROUND_SECONDS, why="the end")
            except LateError:
                continue
            except Exception:  # the server is away for longer: the lists after it say what matters
                self._over.wait(ROUND_SECONDS)

    def _take(self, pods: Objects) -> bool:
        for pod in pods.values():
            if LABEL_STAGE in pod["metadata"].get("labels", {}):
                self._note(pod)
        seen = {pod["metadata"]["uid"] for pod in pods.values()}
        for uid, life in self._lives.items():
            if uid not in seen and life.finished is None:
                life.finished = datetime.now(UTC)
        return self._over.is_set()

    def _note(self, pod: Object) -> None:
        meta = pod["metadata"]
        life = self._lives.setdefault(
            meta["uid"], Life(_key(meta["labels"]), meta["name"], _time(meta["creationTimestamp"]))
        )
        for status in pod.get("status", {}).get("containerStatuses", ()):
            state = status.get("state", {})
            if running := state.get("running"):
                life.started = _time(running["startedAt"])
            if (ended := state.get("terminated")) and ended.get("startedAt"):
                life.started, life.finished = _time(ended["startedAt"]), _time(ended["finishedAt"])


def _key(labels: Object) -> tuple[str, str, str]:
    return labels[LABEL_TASK_UID], labels[LABEL_RUN], labels[LABEL_STAGE]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
