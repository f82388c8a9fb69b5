"""Who am I, and what may I do: what a web centre asks first."""

import asyncio

from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation

ASKED: tuple[tuple[str, str], ...] = (
    ("asynctasks", "list"),
    ("asynctasks", "create"),
    ("asynctasks", "patch"),
    ("asynctasks", "delete"),
    ("stages", "list"),
    ("stages", "review"),
    ("storageendpoints", "list"),
    ("storageendpoints", "create"),
    ("taskschedules", "list"),
    ("taskschedules", "create"),
    ("taskschedules", "patch"),
    ("auditrecords", "list"),
    ("notificationrules", "list"),
    ("notificationrules", "create"),
    ("apikeys", "create"),
)
"""Rights by namespace that pages depend on."""
ASKED_CLUSTER: tuple[tuple[str, str], ...] = (
    ("tasktypes", "list"),
    ("taskqueues", "list"),
    ("taskqueues", "patch"),
    ("tasktypes", "create"),
)


class Right(Camel):
    """What may be done, and where."""

    resource: str
    verb: str
    everywhere: bool
    """In every namespace."""
    namespaces: tuple[str, ...] = ()
    """Where, unless everywhere."""


class Session(Camel):
    """The caller as the gateway knows them."""

    user: str
    groups: tuple[str, ...]
    via: str
    """How they said who they are."""
    language: str
    namespaces: tuple[str, ...] | None = None
    """Where they may list tasks; absent: everywhere."""
    rights: tuple[Right, ...]


def operations(_: Desk) -> tuple[Operation, ...]:
    """The session."""
    return (
        Operation(
            "GET", "/api/v1/session", "getSession", "Who calls, and what they may do where", "session",
            _session, answer=Session,
        ),
    )  # fmt: skip


async def _session(call: Call) -> Session:
    rights = await asyncio.gather(
        *(_right(call, resource, verb) for resource, verb in ASKED),
        *(_cluster_right(call, resource, verb) for resource, verb in ASKED_CLUSTER),
    )
    listed = await call.namespaces("list", "asynctasks")
    return Session(
        user=call.caller.name,
        groups=call.caller.groups,
        via=call.caller.via,
        language=call.language,
        namespaces=None if listed is None else tuple(sorted(listed)),
        rights=tuple(right for right in rights if right.everywhere or right.namespaces),
    )


async def _right(call: Call, resource: str, verb: str) -> Right:
    where = await call.namespaces(verb, resource)
    return Right(resource=resource, verb=verb, everywhere=where is None, namespaces=tuple(sorted(where or ())))


async def _cluster_right(call: Call, resource: str, verb: str) -> Right:
    return Right(resource=resource, verb=verb, everywhere=await call.may(verb, resource, ""))
