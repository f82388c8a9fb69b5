"""What a task takes up while it runs, for the quotas of its queue."""

from dataclasses import dataclass

from asynctask.api.templates import JobStage, ResourceName
from asynctask.core import quantities
from asynctask.core.graph import Graph


@dataclass(frozen=True, slots=True)
class Claim:
    """CPU in thousandths and memory in bytes."""

    cpu: int = 0
    memory: int = 0

    def __add__(self, other: "Claim") -> "Claim":
        return Claim(self.cpu + other.cpu, self.memory + other.memory)


def peak(graph: Graph) -> Claim:
    """The most that the task's stages may request at once.

    A stage may run beside every other that neither needs it nor is needed by it. Where those in turn need each other
    this counts more than can ever run at once; in a sequence, which most tasks are, it is the largest stage.
    """
    requests = {stage.name: of(stage.job) for stage in graph.stages if stage.job}
    before = {name: graph.ancestors(name) for name in requests}
    most = Claim()
    for name, claim in requests.items():
        beside = [
            other for other in requests if other != name and other not in before[name] and name not in before[other]
        ]
        total = sum((requests[other] for other in beside), claim)
        most = Claim(max(most.cpu, total.cpu), max(most.memory, total.memory))
    return most


def of(job: JobStage) -> Claim:
    """What one pod requests; where it gives only a limit, that, as Kubernetes does."""

    def amount(name: ResourceName) -> str:
        resources = job.resources
        return resources.requests.get(name) or resources.limits.get(name) or "0"

    return Claim(quantities.millis(amount("cpu")), quantities.whole(amount("memory")))
