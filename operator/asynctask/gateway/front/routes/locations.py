"""`/api/v1/locations`: what is at a path of a share, for whoever is about to name it in a task.

The gateway sees the shares that are mounted into it, read-only; of others it says that it does not. Who may look must
be allowed to submit tasks in the namespace: a task can read its endpoints anyway.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from asynctask.adapters import shares
from asynctask.adapters.shares import Shares
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.templates import LocationField
from asynctask.core import locations
from asynctask.core.problems import Problem
from asynctask.gateway.front import namespaces, refused
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Conflict, InvalidField, NotFound, Unavailable
from asynctask.gateway.front.tasks.desk import RESOURCE
from asynctask.gateway.front.tasks.office import Office

TAG = "locations"
PART = "shares"
UserId = Annotated[int, Field(ge=0, le=2_147_483_647)]


class LocationNotVisible(Conflict):
    """The gateway has no mount of this endpoint. Params: endpoint."""

    code = "LocationNotVisible"


class LocationNotThere(NotFound):
    """The share has nothing at that path. Params: path."""

    code = "LocationNotThere"


class LocationNotADirectory(Conflict):
    """What is there can't be entered: a file, or a symbolic link, which is never followed. Params: path."""

    code = "LocationNotADirectory"


class LocationAway(Unavailable):
    """The share does not answer."""

    code = "LocationAway"


class LocationQuery(Camel):
    """Where to look."""

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    """As users know it, for example `/nas/photos/2026`."""
    namespace: Namespace | None = None
    """Whose endpoints are meant; absent: the caller's default."""


class ListingQuery(LocationQuery):
    """One level of it."""

    after: Annotated[str, Field(max_length=1024)] = ""
    """Names after this one: the last of the page before."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class LocationEntry(Camel):
    """One name."""

    name: str
    kind: str
    """`Directory`, `File`, `Link` or `Other`."""
    size: int
    modified: datetime


class LocationListing(Camel):
    """One level, by name."""

    endpoint: str
    items: list[LocationEntry]
    more: bool
    """There are names after these."""
    capped: bool
    """The directory has so many names that not all were looked at: those shown are not the first of all."""


class CheckQuery(LocationQuery):
    """For whom."""

    run_as_user: UserId = 65532
    """The user id that the stages will have."""
    run_as_group: UserId = 65532


class LocationCheck(Camel):
    """What is there."""

    endpoint: str
    exists: bool
    kind: str
    writable: bool
    """By the mode bits, for that user and group; never where the endpoint is read-only. Access lists do not count."""
    read_only: bool
    """The endpoint refuses tasks that would write."""
    free_bytes: int
    total_bytes: int


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on locations."""
    errors = (InvalidField, LocationNotThere, LocationNotVisible, LocationNotADirectory, LocationAway)
    return (
        Operation(
            "GET",
            "/api/v1/locations",
            "listLocation",
            "One level of a share",
            TAG,
            _list,
            query=ListingQuery,
            answer=LocationListing,
            errors=errors,
        ),
        Operation(
            "GET",
            "/api/v1/locations/check",
            "checkLocation",
            "Whether a path exists, may be written, has room",
            TAG,
            _check,
            query=CheckQuery,
            answer=LocationCheck,
            errors=errors,
        ),
    )


async def _list(call: Call) -> LocationListing:
    query: ListingQuery = call.query
    endpoint, parts = await _resolved(call, query)
    meta = endpoint.metadata
    try:
        found = await _shares(call).list(meta.namespace, meta.name, parts, query.after, query.limit)
    except (shares.NotMounted, shares.NotThere, shares.NotADirectory, shares.NoAnswer) as error:
        raise _refusal(error, query.path, meta.name) from error
    items = [
        LocationEntry(
            name=entry.name,
            kind=entry.kind,
            size=entry.size,
            modified=datetime.fromtimestamp(min(max(entry.modified, 0), 250_000_000_000), UTC),
        )
        for entry in found.entries
    ]
    return LocationListing(endpoint=meta.name, items=items, more=found.more, capped=found.is_capped)


async def _check(call: Call) -> LocationCheck:
    query: CheckQuery = call.query
    endpoint, parts = await _resolved(call, query)
    meta, read_only = endpoint.metadata, endpoint.spec.read_only
    try:
        found = await _shares(call).check(meta.namespace, meta.name, parts)
    except (shares.NotMounted, shares.NotThere, shares.NotADirectory, shares.NoAnswer) as error:
        raise _refusal(error, query.path, meta.name) from error
    return LocationCheck(
        endpoint=meta.name,
        exists=found.exists,
        kind=found.kind,
        writable=not read_only and found.exists and found.writable_by(query.run_as_user, query.run_as_group),
        read_only=read_only,
        free_bytes=found.free_bytes,
        total_bytes=found.total_bytes,
    )


async def _resolved(call: Call, query: LocationQuery) -> tuple[StorageEndpoint, tuple[str, ...]]:
    """The endpoint that holds the path, and the way from its top: by the code that resolves tasks' locations."""
    namespace = query.namespace or namespaces.default(call)
    await call.authorize("list", "storageendpoints", namespace)
    await call.authorize("create", RESOURCE, namespace)
    endpoints = Office.of(call.desk).checks.endpoints(namespace)
    found = locations.resolve([LocationField(field="path")], {"path": query.path}, endpoints)
    if isinstance(found, Problem):
        raise refused.by_problems([found], {"spec.config": ""})
    endpoint = endpoints[found[0].endpoint]
    if endpoint.spec.volume is None:
        raise LocationNotVisible(endpoint=endpoint.metadata.name)
    base = [part for part in (endpoint.spec.path or "").split("/") if part]
    parts = [part for part in query.path.split("/") if part not in {"", "."}]
    return endpoint, tuple(parts[len(base) :])


def _shares(call: Call) -> Shares:
    if PART not in call.desk.parts:
        call.desk.parts[PART] = Shares(Path(call.desk.settings.locations_directory))
    found: Shares = call.desk.parts[PART]
    return found


def _refusal(error: Exception, path: str, endpoint: str) -> Exception:
    match error:
        case shares.NotMounted():
            return LocationNotVisible(endpoint=endpoint)
        case shares.NotThere():
            return LocationNotThere(path=path)
        case shares.NotADirectory():
            return LocationNotADirectory(path=path)
    return LocationAway(retry_after=5)
