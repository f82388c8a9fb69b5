"""What the API server wrote down: who changed what, how often."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

WRITES = {"create", "update", "patch", "delete"}


@dataclass(frozen=True)
class Write:
    """One write of the operator's."""

    namespace: str
    name: str
    what: str
    """`create jobs`, `patch asynctasks/status`, …"""
    time: float


class AuditLog:
    """Requests of the operator, read off the server's own log."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def writes(self, namespace: str, contains: str = "") -> Counter[str]:
        """How often the operator wrote what in a namespace: `create jobs`, `patch asynctasks/status`, …"""
        return Counter(w.what for w in self.all() if w.namespace == namespace and contains in w.name)

    def all(self) -> Iterator[Write]:
        """Every write that went well, in order."""
        for line in self._lines():
            ref = line.get("objectRef", {})
            if (
                line["verb"] in WRITES
                and line.get("userAgent", "").startswith("asynctask-operator")
                and line.get("responseStatus", {}).get("code", 0) < 300
            ):
                sub = f"/{ref['subresource']}" if "subresource" in ref else ""
                what = f"{line['verb']} {ref['resource']}{sub}"
                when = datetime.fromisoformat(line["requestReceivedTimestamp"])
                yield Write(ref.get("namespace", ""), ref.get("name") or "", what, when.timestamp())

    def _lines(self) -> Iterator[dict]:  # type: ignore[type-arg]
        with self._path.open() as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:  # the last line may be half written
                    return
