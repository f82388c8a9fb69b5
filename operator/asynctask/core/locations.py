"""From the paths that users write to the endpoints that stages mount."""

from collections.abc import Iterable, Mapping
from typing import Any

from asynctask.api import names
from asynctask.api.reasons import Reason
from asynctask.api.stage import StageLocation
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.templates import LocationField
from asynctask.core.problems import Problem

Endpoints = Mapping[str, StorageEndpoint]

OWN_PATHS = ("/tmp", names.WORKSPACE_DIRECTORY, names.TOKEN_DIRECTORY, names.ENDPOINT_SECRETS_DIRECTORY)  # noqa: S108
"""What every stage's pod has mounted, or may have: no share fits there, nor above, where it would get these folders."""
SYSTEM_PATHS = frozenset(
    {
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/lib64",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/sys",
        "/usr",
        "/var",
    }
)
KERNEL_PATHS = ("/dev/", "/proc/", "/sys/")


def resolve(
    fields: Iterable[LocationField], config: Mapping[str, Any], endpoints: Endpoints
) -> tuple[StageLocation, ...] | Problem:
    """Find the endpoint of every location in the config. A field that is absent names none."""
    found: list[StageLocation] = []
    for field in fields:
        for value, where in _values(config, field.field):
            location = _locate(field, value, where, endpoints)
            if isinstance(location, Problem):
                return location
            found.append(location)
    return tuple(found)


def problems(fields: Iterable[LocationField], config: Mapping[str, Any], endpoints: Endpoints) -> tuple[Problem, ...]:
    """All that is wrong with the locations in the config."""
    tried = (
        _locate(field, value, where, endpoints) for field in fields for value, where in _values(config, field.field)
    )
    return tuple(found for found in tried if isinstance(found, Problem))


def _values(config: Mapping[str, Any], field: str) -> Iterable[tuple[Any, str]]:
    value = config.get(field)
    where = f"spec.config.{field}"
    if value is None:
        return ()
    if isinstance(value, list):
        return [(item, f"{where}[{index}]") for index, item in enumerate(value)]
    return [(value, where)]


def _locate(field: LocationField, value: Any, where: str, endpoints: Endpoints) -> StageLocation | Problem:
    if not isinstance(value, str) or not value or len(value) > 4096 or "\0" in value:
        return Problem(Reason.INVALID_LOCATION, "a location is a path or ENDPOINT:PATH", where)
    if ".." in value.replace(":", "/", 1).split("/"):
        return Problem(Reason.INVALID_LOCATION, "`..` is not allowed in a location", where)
    if value.startswith("/"):
        endpoint = _mounted_at(value, endpoints)
        if endpoint is None:
            known = ", ".join(sorted(e.spec.path for e in endpoints.values() if e.spec.path)) or "none yet"
            return Problem(
                Reason.ENDPOINT_NOT_FOUND,
                f"{value[:200]} lies under no storage endpoint of this namespace (there are: {known})"[:900],
                where,
            )
    else:
        name, separator, _ = value.partition(":")
        if not separator:
            return Problem(Reason.INVALID_LOCATION, "a location is an absolute path or ENDPOINT:PATH", where)
        endpoint = endpoints.get(name)
        if endpoint is None or endpoint.spec.remote is None:
            return Problem(Reason.ENDPOINT_NOT_FOUND, f"{name[:200]!r} is no remote endpoint of this namespace", where)
    if problem := unusable(endpoint, endpoints, where):
        return problem
    if field.access == "Write" and endpoint.spec.read_only:
        return Problem(Reason.INVALID_LOCATION, f"storage endpoint {endpoint.metadata.name} is read-only", where)
    return StageLocation(field=field.field, endpoint=endpoint.metadata.name, access=field.access, path=value)


def unusable(endpoint: StorageEndpoint, endpoints: Endpoints, where: str) -> Problem | None:
    """What keeps an endpoint from being mounted at its path in any pod."""
    name, path = endpoint.metadata.name, endpoint.spec.path
    if endpoint.spec.volume is None or path is None:
        return None
    others = [other for other in endpoints.values() if other.spec.volume and other.spec.path == path]
    if len(others) > 1:
        names_of = ", ".join(sorted(other.metadata.name for other in others))
        message = f"storage endpoints {names_of} have the same spec.path, {path}: give each a path of its own"
        return Problem(Reason.INVALID_LOCATION, message[:900], where)
    own = [part for part in OWN_PATHS if part == path or part.startswith(f"{path}/")]
    if own or path in SYSTEM_PATHS or path.startswith(KERNEL_PATHS):
        why = f"stage pods need {own[0]} for themselves" if own else "it would hide the image's own files there"
        message = f"storage endpoint {name} can't be at {path}: {why}; give it another spec.path, such as /nas/{name}"
        return Problem(Reason.INVALID_LOCATION, message[:900], where)
    return None


def _mounted_at(path: str, endpoints: Endpoints) -> StorageEndpoint | None:
    """The endpoint with the longest path that holds this one."""
    normal = "/" + "/".join(part for part in path.split("/") if part not in {"", "."})
    holders = [
        endpoint
        for endpoint in endpoints.values()
        if endpoint.spec.path
        and endpoint.spec.volume
        and (normal + "/").startswith(endpoint.spec.path.rstrip("/") + "/")
    ]
    return min(holders, key=lambda e: (-len(e.spec.path or ""), e.metadata.name), default=None)
