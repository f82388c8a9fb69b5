"""Versions: the ETag of an answer, and the If-Match of a change (RFC 9110)."""

from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.problems import InvalidField
from asynctask.gateway.front.refused import PreconditionRequired

HEADER = "If-Match"


def etag(version: str) -> dict[str, str]:
    """The header that tells the version of what is answered."""
    return {"ETag": f'"{version}"'} if version else {}


def wanted(call: Call, *, required: bool = False) -> str:
    """The version that the caller has seen; empty: any. Raises PreconditionRequired and InvalidField."""
    text = call.request.headers.get(HEADER, "").strip()
    if not text and required:
        raise PreconditionRequired(header=HEADER)
    if text in {"", "*"}:
        return ""
    version = text.removeprefix("W/")
    if len(version) < 3 or not (version[0] == version[-1] == '"') or not version[1:-1].isalnum():
        raise InvalidField.of(HEADER, "WrongFormat", pattern='"VERSION"')
    return version[1:-1]
