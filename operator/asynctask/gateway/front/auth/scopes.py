"""What an API key narrows its owner's rights to, in words that an administrator of a NAS can choose from."""

from dataclasses import dataclass
from typing import Literal, get_args

Action = Literal["read", "submit", "control", "delete", "review", "configure"]
ACTIONS: tuple[Action, ...] = get_args(Action)

_OF_TASKS: dict[str, Action] = {"create": "submit", "update": "control", "patch": "control", "delete": "delete"}


def action(verb: str, resource: str) -> Action:
    """The action that a verb on a resource is part of."""
    if verb in {"get", "list", "watch"}:
        return "read"
    if verb == "review":
        return "review"
    return _OF_TASKS.get(verb, "configure") if resource == "asynctasks" else "configure"


@dataclass(frozen=True)
class Scope:
    """None stands for no narrowing."""

    namespaces: frozenset[str] | None = None
    actions: frozenset[str] | None = None
    task_types: frozenset[str] | None = None

    def covers(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether an action in a namespace is within. Cluster-wide resources may be read within any namespaces."""
        wanted = action(verb, resource)
        if self.actions is not None and wanted not in self.actions:
            return False
        if self.namespaces is None or namespace in self.namespaces:
            return True
        return not namespace and resource in CLUSTER_WIDE and wanted == "read"

    def allows_type(self, task_type: str) -> bool:
        """Whether tasks of this type are within."""
        return self.task_types is None or task_type in self.task_types


CLUSTER_WIDE = frozenset({"tasktypes", "taskqueues"})
EVERYTHING = Scope()
