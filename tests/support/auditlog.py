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
        found: Counter[str] = Counter()
        for line in self._lines():
            ref = line.get("objectRef", {})
            if (
                line["verb"] in WRITES
                and line.get("userAgent", "").startswith("asynctask-operator")
                and ref.get("namespace") == namespace
                and contains in (ref.get("name") or "")
                and line.get("responseStatus", {}).get("code", 0) < 300
            ):
                sub = f"/{ref['subresource']}" if "subresource" in ref else ""
                found[f"{line['verb']} {ref['resource']}{sub}"] += 1
        return found

    def _lines(self) -> Iterator[dict]:  # type: ignore[type-arg]
        with self._path.open() as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:  # the last line may be half written
                    return
