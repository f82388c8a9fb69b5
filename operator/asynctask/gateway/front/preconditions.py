"""`ETag` and `If-Match` (RFC 9110): a change is made to the version that its maker has seen, or not at all."""

from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.problems import InvalidField, PreconditionFailed


def etag(version: str) -> str:
    """A version, such as a resourceVersion, as an entity tag."""
    return f'"{version}"'


def wanted_version(call: Call) -> str:
    """The version that the caller has seen; empty when they named none, or any will do. Raises InvalidField."""
    header = call.request.headers.get("If-Match", "").strip()
    if header in {"", "*"}:
        return ""
    inner = header[1:-1]
    if len(header) < 3 or header[0] + header[-1] != '""' or len(inner) > 128 or '"' in inner:
        raise InvalidField.of("If-Match", "WrongFormat", pattern='"VERSION"')
    return inner


def check_version(call: Call, present: str) -> None:
    """Raise PreconditionFailed when the caller has seen another version than the present one."""
    if (wanted := wanted_version(call)) and wanted != present:
        raise PreconditionFailed
