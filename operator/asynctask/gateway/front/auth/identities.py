"""A caller as it is kept with a session or an API key."""

from collections.abc import Mapping
from typing import Any

from asynctask.gateway.front.auth.scopes import EVERYTHING, Scope
from asynctask.gateway.front.calls import Caller, Via

MAX_NAME = 256
"""The longest user name that the archive's columns hold; a longer one is not let in."""


def stored(caller: Caller) -> dict[str, Any]:
    """What is kept beside the name."""
    extra = {name: list(values) for name, values in caller.extra.items()}
    return {"groups": list(caller.groups), "extra": extra, "uid": caller.uid}


def restored(
    name: str, kept: Mapping[str, Any], via: Via, address: str, *, scope: Scope = EVERYTHING, key: str = ""
) -> Caller:
    """The caller again."""
    extra = {field: tuple(values) for field, values in kept.get("extra", {}).items()}
    return Caller(name, tuple(kept.get("groups", ())), extra, str(kept.get("uid", "")), via, address, scope, key)


def scope_stored(scope: Scope) -> dict[str, Any]:
    """A scope as JSON; null is no narrowing."""

    def listed(values: frozenset[str] | None) -> list[str] | None:
        return None if values is None else sorted(values)

    return {
        "namespaces": listed(scope.namespaces),
        "actions": listed(scope.actions),
        "taskTypes": listed(scope.task_types),
    }


def scope_restored(kept: Mapping[str, Any]) -> Scope:
    """A scope from JSON."""

    def found(name: str) -> frozenset[str] | None:
        values = kept.get(name)
        return None if values is None else frozenset(values)

    return Scope(found("namespaces"), found("actions"), found("taskTypes"))
