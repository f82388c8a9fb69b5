"""TaskQueues of the tests' own."""

from typing import Any

from support.estate import Body, Estate

from asynctask.api.names import API_VERSION


class Queue:
    """A TaskQueue; named after the estate, since queues are cluster-wide."""

    def __init__(self, estate: Estate, name: str, **spec: Any) -> None:
        self._api, self.name = estate.api, name
        body = {"apiVersion": API_VERSION, "kind": "TaskQueue", "metadata": {"name": name}, "spec": spec}
        self._api.call("POST", f"/apis/{API_VERSION}/taskqueues", body)

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/apis/{API_VERSION}/taskqueues/{self.name}"

    def change(self, **spec: Any) -> None:
        """Change fields of its spec."""
        self._api.merge(self.path, {"spec": spec})

    def limit(self, number: int) -> None:
        """Change how many may run."""
        self.change(maxRunning=number)

    def until_status(self, within: float = 20, **wanted: Any) -> Body:
        """Its status, once these fields are so."""
        found = self._api.until(
            self.path,
            lambda queue: all(queue.get("status", {}).get(key) == value for key, value in wanted.items()),
            within=within,
            why=f"queue {self.name}: {wanted}",
        )
        status: Body = found["status"]
        return status

    def delete(self) -> None:
        """Delete it."""
        self._api.call("DELETE", self.path)
