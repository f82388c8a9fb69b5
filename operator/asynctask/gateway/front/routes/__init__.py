"""The operations, one module per resource. `all_operations` is the index."""

from collections.abc import Callable

from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.routes import (
    apikeys,
    audit,
    compat,
    itemerrors,
    itemretries,
    preferences,
    queues,
    reviews,
    session,
    stream,
    tasks,
    types,
)

RESOURCES: tuple[Callable[[Desk], tuple[Operation, ...]], ...] = (
    session.operations,
    tasks.operations,
    compat.operations,
    queues.operations,
    types.operations,
    itemerrors.operations,
    itemretries.operations,
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
