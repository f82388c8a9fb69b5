"""What the API server wrote down: who changed what, how often."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

WRITES = {"create", "update", "patch", "delete"}


class AuditLog:
    """Requests of the operator, read off the server's own log."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def writes(self, namespace: str, contains: str = "") -> Counter[str]:
        """How often the operator wrote what in a namespace: `create jobs`, `patch asynctasks/status`, …"""
        return Counter(what for where, name, what in self.all() if where == namespace and contains in name)

    def all(self) -> Iterator[tuple[str, str, str]]:
        """Namespace, name and what, of every write that went well, in order."""
        for line in self._lines():
            ref = line.get("objectRef", {})
            if (
                line["verb"] in WRITES
                and line.get("userAgent", "").startswith("asynctask-operator")
                and line.get("responseStatus", {}).get("code", 0) < 300
            ):
                sub = f"/{ref['subresource']}" if "subresource" in ref else ""
                yield ref.get("namespace", ""), ref.get("name") or "", f"{line['verb']} {ref['resource']}{sub}"

    def _lines(self) -> Iterator[dict]:  # type: ignore[type-arg]
        with self._path.open() as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:  # the last line may be half written
                    return
