"""The order of stages: what each one needs, and whether that makes sense at all."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from asynctask.api.reasons import Reason
from asynctask.api.templates import StageTemplate
from asynctask.core.problems import Problem


class Graph:
    """The stages of a task with their needs resolved, in an order that respects them."""

    def __init__(self, stages: tuple[StageTemplate, ...], needs: dict[str, tuple[str, ...]]) -> None:
        self.stages = stages
        self.needs = needs

    def __contains__(self, name: str) -> bool:
        return name in self.needs

    def ancestors(self, name: str) -> frozenset[str]:
        """All stages that must end before this one begins."""
        found: set[str] = set()
        open_names = list(self.needs[name])
        while open_names:
            current = open_names.pop()
            if current not in found:
                found.add(current)
                open_names.extend(self.needs[current])
        return frozenset(found)

    def kept_when_restarted_from(self, name: str) -> frozenset[str]:
        """The stages that keep their results: all but this one and what comes after it."""
        return frozenset(other for other in self.needs if other != name and name not in self.ancestors(other))


def build(stages: Sequence[StageTemplate], path: str) -> Graph | Problem:
    """Resolve `needs` (absent: the stage before) and sort. `path` is where the list stands, for the problem's text."""
    needs: dict[str, tuple[str, ...]] = {}
    positions = {stage.name: index for index, stage in enumerate(stages)}
    if len(positions) != len(stages):
        return Problem(Reason.INVALID_STAGES, "two stages have the same name", path)
    for index, stage in enumerate(stages):
        needs[stage.name] = (
            stage.needs if stage.needs is not None else tuple(s.name for s in stages[max(0, index - 1) : index])
        )
        for name in needs[stage.name]:
            if name not in positions:
                return Problem(Reason.INVALID_STAGES, f"stage {name!r} does not exist", f"{path}[{index}].needs")
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        where = f"{path}[{positions[cycle[0]]}].needs"
        return Problem(Reason.CYCLE_IN_NEEDS, "stages need each other in a circle: " + " → ".join(cycle), where)
    by_depth = {name: rank for rank, name in enumerate(order)}
    return Graph(tuple(sorted(stages, key=lambda stage: by_depth[stage.name])), needs)
