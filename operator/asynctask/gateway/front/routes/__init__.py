"""The operations, one module per resource. `all_operations` is the index."""

from collections.abc import Callable

from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.routes import (
    apikeys,
    audit,
    checks,
    compat,
    endpoints,
    itemerrors,
    itemretries,
    locations,
    logs,
    notifications,
    overview,
    preferences,
    queues,
    reviews,
    runs,
    schedules,
    session,
    stages,
    stream,
    tasks,
    types,
)

RESOURCES: tuple[Callable[[Desk], tuple[Operation, ...]], ...] = (
    session.operations,
    tasks.operations,
    checks.operations,
    compat.operations,
    runs.operations,
    stages.operations,
    queues.operations,
    endpoints.operations,
    locations.operations,
    notifications.operations,
    types.operations,
    schedules.operations,
    overview.operations,
    itemerrors.operations,
    itemretries.operations,
    logs.operations,
    stream.operations,
    preferences.operations,
    apikeys.operations,
    audit.operations,
    reviews.operations,
)
"""What each module offers, in the order of the document."""


def all_operations(desk: Desk) -> tuple[Operation, ...]:
    """Every operation of the API."""
    return tuple(operation for operations in RESOURCES for operation in operations(desk))
