"""Why a call was refused: RFC 9457 problems with a code, parameters, and the path of each field at fault.

A body that can't be understood and a field that is not valid are both 400, not 422: the interface of existing NAS
applications promises 400 for whatever the caller must mend, and one rule for the whole API is easier to live with.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
from aiohttp import web

from asynctask.texts import Language, say

Params = dict[str, Any]


@dataclass(frozen=True)
class FieldError:
    """One field at fault. `field` is a path such as `spec.stages[0].name`; query fields by their plain name."""

    field: str
    code: str
    params: Params = dataclasses.field(default_factory=dict)

    def shown(self, language: Language) -> dict[str, Any]:
        """As the answer has it."""
        message = say(self.code, self.params, language)
        return {"field": self.field, "code": self.code, "params": self.params, "message": message}


class Refusal(Exception):
    """What a caller is told instead of an answer. Subclasses set status and code; the catalogue has the texts.

    `params` are what the text of the code names. `errors` says which fields are at fault.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "InternalError"

    def __init__(self, *errors: FieldError, retry_after: float = 0.0, **params: Any) -> None:
        super().__init__(self.code)
        self.errors = errors
        self.retry_after = retry_after
        self.params: Params = params

    def __str__(self) -> str:
        fields = "; ".join(f"{error.field}: {say(error.code, error.params)}" for error in self.errors)
        return f"{self.code}: {say(self.code, self.params)}" + (f" ({fields})" if fields else "")

    def document(self, language: Language, instance: str) -> dict[str, Any]:
        """The problem document."""
        document: dict[str, Any] = {
            "type": f"urn:asynctask:problem:{self.code}",
            "title": say(f"status.{self.status}", None, language),
            "status": self.status,
            "detail": say(self.code, self.params, language),
            "instance": instance,
            "code": self.code,
            "params": self.params,
        }
        if self.errors:
            document["errors"] = [error.shown(language) for error in self.errors]
        return document

    def response(self, language: Language = "en", instance: str = "") -> web.Response:
        """The HTTP answer."""
        headers: dict[str, str] = {"Content-Language": language}
        if self.retry_after:
            headers["Retry-After"] = str(max(1, round(self.retry_after)))
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="asynctask"'
        body = orjson.dumps(self.document(language, instance), default=str, option=orjson.OPT_NON_STR_KEYS)
        return web.Response(body=body, status=self.status, headers=headers, content_type="application/problem+json")


class BadRequest(Refusal):
    """The request can't be understood."""

    status, code = 400, "BadRequest"


class InvalidJson(BadRequest):
    """The body is not JSON."""

    code = "InvalidJson"


class InvalidField(BadRequest):
    """Fields that are not valid. Give at least one FieldError."""

    code = "InvalidField"

    @classmethod
    def of(cls, field: str, code: str, **params: Any) -> "InvalidField":
        """For one field."""
        return cls(FieldError(field, code, params))


class NestedTooDeeply(BadRequest):
    """The body's JSON is too deep."""

    code = "NestedTooDeeply"


class TooManyValues(BadRequest):
    """The body's JSON has too many values."""

    code = "TooManyValues"


class Unauthenticated(Refusal):
    """Nobody, as far as we know."""

    status, code = 401, "Unauthenticated"


class InvalidToken(Unauthenticated):
    """A token that proves nothing."""

    code = "InvalidToken"


class Forbidden(Refusal):
    """The caller may see it, but not do this. Params: action, resource."""

    status, code = 403, "Forbidden"


class OutOfScope(Forbidden):
    """The API key is for other things."""

    code = "OutOfScope"


class CsrfCheckFailed(Forbidden):
    """A change with a session's cookie that does not come from our own pages."""

    code = "CsrfCheckFailed"


class NotFound(Refusal):
    """It does not exist, or the caller may not see it: the same answer for both."""

    status, code = 404, "NotFound"


class NoSuchRoute(NotFound):
    """The API has no such path."""

    code = "NoSuchRoute"


class MethodNotAllowed(Refusal):
    """The path is there for other methods. Params: allowed."""

    status, code = 405, "MethodNotAllowed"


class Conflict(Refusal):
    """Not in this state."""

    status, code = 409, "Conflict"


class PreconditionFailed(Refusal):
    """The If-Match is of an older version."""

    status, code = 412, "PreconditionFailed"


class TooLarge(Refusal):
    """Send less. Params: max."""

    status, code = 413, "TooLarge"


class UnsupportedMedia(Refusal):
    """Another content type is needed. Params: expected."""

    status, code = 415, "UnsupportedMedia"


class Unprocessable(Refusal):
    """Only for what a standard says is 422."""

    status, code = 422, "InvalidField"


class TooManyRequests(Refusal):
    """Come back later."""

    status, code = 429, "TooManyRequests"

    def __init__(self, *, retry_after: float) -> None:
        super().__init__(retry_after=retry_after, seconds=max(1, round(retry_after)))


class Unavailable(Refusal):
    """The API server or the database can't be used right now. Nothing was done, or it is safe to repeat."""

    status, code = 503, "Unavailable"

    def __init__(self, *, retry_after: float = 2.0) -> None:
        super().__init__(retry_after=retry_after, seconds=max(1, round(retry_after)))


class TimedOut(Unavailable):
    """No answer in time; whether something was changed is not known."""

    code = "TimedOut"


class InternalError(Refusal):
    """A defect of ours."""


def every_refusal() -> tuple[type[Refusal], ...]:
    """All classes of refusals there are, for the catalogue's tests and the reference."""
    found: list[type[Refusal]] = []
    waiting = list(Refusal.__subclasses__())
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return tuple(sorted(set(found), key=lambda kind: (kind.status, kind.code)))
